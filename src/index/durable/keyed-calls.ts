import { AsyncLocalStorage } from 'node:async_hooks'
import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'

/** A call under a key that has not ended. */
interface Call {
  readonly key: string
  /** Of the same key, called before: this one begins when that has ended. */
  before: Call | undefined
  /** Within whose code it was called. */
  readonly outer: Call | undefined
  /** The calls within its code that have not ended. */
  readonly inner: Set<Call>
  /** Its code waits for nothing any more. */
  isCodeOver: boolean
  /** Settles when it has ended. */
  ended: Promise<void>
}

/** Runs code of a caller, which may call what is known by keys. */
export type Within = <T>(work: () => Promise<T> | T) => Promise<T>

/**
 * Calls under keys: of one key, one after the other. No two ever wait for each other: the call that
 * would close the circle is refused.
 */
export class KeyedCalls {
  /** The last call of each key that has not ended. */
  readonly #last = new Map<string, Call>()
  readonly #running = new AsyncLocalStorage<Call>()

  /**
   * Calls at once, unless another call of this key is under way. Code of a caller is run by what
   * `call` is given.
   * @throws WALV_CONFLICT within code that the other call waits for
   */
  async run<T>(key: string, call: (within: Within) => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const outer = this.#running.getStore()
    if (before) refuseIfItWaitsFor(outer, before)
    const own: Call = { key, before, outer, inner: new Set(), isCodeOver: false, ended: NOW }
    const begin = (): Promise<T> => {
      own.before = undefined
      return call((work) => this.#within(own, work))
    }
    const running = before === undefined ? begin() : before.ended.then(begin)
    own.ended = running.then(nothing, nothing)
    this.#last.set(key, own)
    outer?.inner.add(own)
    try {
      return await running
    } finally {
      outer?.inner.delete(own)
      if (this.#last.get(key) === own) this.#last.delete(key)
    }
  }

  async #within<T>(own: Call, work: () => Promise<T> | T): Promise<T> {
    try {
      return await this.#running.run(own, work)
    } finally {
      own.isCodeOver = true
    }
  }
}

const NOW = Promise.resolve()
const nothing = (): void => {}

/** `outer`: within whose code `other` is to be waited for. */
function refuseIfItWaitsFor(outer: Call | undefined, other: Call): void {
  const awaited = new Set([other])
  // A set's iteration goes on to what is added meanwhile.
  for (const call of awaited) {
    if (call.before) awaited.add(call.before)
    if (!call.isCodeOver) for (const inner of call.inner) awaited.add(inner)
  }
  for (let call = outer; call; call = call.outer)
    if (!call.isCodeOver && awaited.has(call)) throw eachForTheOther(call.key, other.key)
}

function eachForTheOther(outer: string, key: string): WalError {
  const how =
    outer === key
      ? 'is that of the transaction in which this is called'
      : `is that of a call that waits for the transaction in which this is called, whose key is ${echo(outer)}`
  return new WalError(
    'WALV_CONFLICT',
    `The idempotency key ${echo(key)} ${how}, so that each would wait for the other. Use the methods of the transaction, or call this before or after it. Nothing was logged.`,
    { fate: 'not-logged', detail: { idempotencyKey: key } },
  )
}
