import { WalError } from '../../errors.ts'

interface Watcher {
  /** The lag that is waited for. */
  readonly most: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Those who wait for graphs to catch up. */
export class LagWatch {
  readonly #watchers = new Set<Watcher>()
  /** Told when the first begins to wait, and when the last does so no more. */
  readonly #tellAwaited: (isAwaited: boolean) => void
  #end: WalError | undefined

  constructor(tellAwaited: (isAwaited: boolean) => void) {
    this.#tellAwaited = tellAwaited
  }

  get isAwaited(): boolean {
    return this.#watchers.size > 0
  }

  /** Resolves when the lag is no more than `most`. */
  until(most: number): Promise<void> {
    if (this.#end) return Promise.reject(this.#end)
    return new Promise((resolve, reject) => {
      this.#watchers.add({ most, resolve, reject })
      if (this.#watchers.size === 1) this.#tellAwaited(true)
    })
  }

  look(lag: number): void {
    for (const watcher of this.#watchers) {
      if (lag > watcher.most) continue
      this.#watchers.delete(watcher)
      watcher.resolve()
      if (this.#watchers.size === 0) this.#tellAwaited(false)
    }
  }

  /** Nothing will catch up any more. */
  end(error: WalError): void {
    this.#end ??= error
    for (const { reject } of this.#watchers) reject(error)
    if (this.#watchers.size > 0) this.#tellAwaited(false)
    this.#watchers.clear()
  }
}

export const indexIsClosed = (): WalError =>
  new WalError('WALV_CLOSED', 'The index is closed. Its graph does not catch up any more.')
