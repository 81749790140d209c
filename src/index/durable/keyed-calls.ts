/** Calls under keys: of one key, one after the other. */
export class KeyedCalls {
  /** The last call of each key that has not ended. */
  readonly #last = new Map<string, Promise<unknown>>()

  /** Calls at once, unless another call of this key is under way. */
  run<T>(key: string, call: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const running = before === undefined ? call() : before.then(call, call)
    const ended: Promise<unknown> = running.then(
      () => {},
      () => {},
    )
    this.#last.set(key, ended)
    void ended.then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    })
    return running
  }
}
