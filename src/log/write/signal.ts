/** Wakes those who wait for something to happen. */
export class Signal {
  readonly #waiting = new Set<() => void>()

  tell(): void {
    if (this.#waiting.size > 0) for (const wake of [...this.#waiting]) wake()
  }

  /** Resolves at the next `tell`, or once `ended` is aborted. */
  next(ended: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        ended.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
      ended.addEventListener('abort', wake)
      if (ended.aborted) wake()
    })
  }
}
