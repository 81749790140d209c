import { AsyncLocalStorage } from 'node:async_hooks'
import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'

/** Code of a caller that runs under a key. */
interface Running {
  readonly key: string
  /** Within whose code it was begun. */
  readonly outer: Running | undefined
  isOver: boolean
}

/** Calls under keys: of one key, one after the other. */
export class KeyedCalls {
  /** Settles with the last call of each key that has not ended. */
  readonly #last = new Map<string, Promise<void>>()
  readonly #running = new AsyncLocalStorage<Running>()

  /**
   * Calls at once, unless another call of this key is under way.
   * @throws WALV_CONFLICT within code that runs under this key: each would wait for the other
   */
  async run<T>(key: string, call: () => Promise<T>): Promise<T> {
    for (let outer = this.#running.getStore(); outer; outer = outer.outer)
      if (outer.key === key && !outer.isOver) throw withinItself(key)
    const before = this.#last.get(key)
    const running = before === undefined ? call() : before.then(call)
    const nothing = (): void => {}
    const ended = running.then(nothing, nothing)
    this.#last.set(key, ended)
    try {
      return await running
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    }
  }

  /** Runs code of a caller, which may call what is known by keys, under this one. */
  async within<T>(key: string, work: () => Promise<T> | T): Promise<T> {
    const running: Running = { key, outer: this.#running.getStore(), isOver: false }
    try {
      return await this.#running.run(running, work)
    } finally {
      running.isOver = true
    }
  }
}

const withinItself = (key: string): WalError =>
  new WalError(
    'WALV_CONFLICT',
    `The idempotency key ${echo(key)} is that of the transaction in which this is called, so that each would wait for the other. Use the methods of the transaction, or another key. Nothing was logged.`,
    { fate: 'not-logged', detail: { idempotencyKey: key } },
  )
