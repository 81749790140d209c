import { nextTurn } from '../../clock.ts'
import { echo } from '../../echo.ts'
import type { InsertEntry, JsonValue, VectorInput } from '../../entry.ts'
import { WalError, type WalErrorCode } from '../../errors.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import type { Asker } from './one-change.ts'

/** Items that are handed to the log and not yet searchable, at most. */
const MAX_IN_FLIGHT = 1024

export type InsertManyItem<Input = JsonValue> = Pick<
  InsertEntry<VectorInput, Input>,
  'id' | 'vector' | 'metadata'
>

export interface InsertManyOptions {
  /**
   * Sets an id that is there already, where it would be refused. So what was inserted in part can
   * be inserted again. Default false.
   */
  readonly replace?: boolean
  /** Told when more has become durable, at most once in a turn of the event loop. */
  readonly onProgress?: (progress: InsertManyProgress) => void
  /**
   * Ends it before the next item is taken, also where an async source keeps it waiting for that.
   */
  readonly signal?: AbortSignal
}

/** How far the items are durable and searchable, in the order in which they came. */
export interface InsertManyProgress {
  /** So many, from the first on, without one left out. */
  readonly count: number
  /** The id of the last of them. */
  readonly lastId: string | undefined
}

/** The `detail` of the error with which `insertMany` ends early. */
export interface InsertManyFailure extends InsertManyProgress {
  /** The place of the item that was refused, or that would have come next, from 0. */
  readonly position: number
}

const INSERT_MANY_OPTIONS: OptionNames<InsertManyOptions> = { replace: true, onProgress: true, signal: true }

/** What inserting needs of an index. */
export interface InsertTarget {
  /** Whether somebody waits for room in the log. */
  isFull(): boolean
  /** Checks an item and copies what it holds. */
  checked(item: InsertManyItem<unknown>, replace: boolean): InsertEntry
  /** Hands it to the log, when there is room. `asker` is told what becomes of it. */
  start(entry: InsertEntry, asker: Asker, number: number): void
  /** @throws WALV_CLOSED, WALV_POISONED */
  needOpen(): void
  /** Calls back when the index is closed, unless what is returned was called before. */
  whenClosed(call: () => void): () => void
}

type Items = Iterable<InsertManyItem<unknown>> | AsyncIterable<InsertManyItem<unknown>>

/**
 * Inserts items one by one, in their order, with so many in flight that the disk is busy, and no
 * more.
 */
export async function insertMany(
  items: Items,
  options: InsertManyOptions,
  target: InsertTarget,
): Promise<InsertManyProgress> {
  checkOptions('insertMany', options, INSERT_MANY_OPTIONS)
  const given = items as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined
  if (typeof items === 'string' || !(given?.[Symbol.iterator] ?? given?.[Symbol.asyncIterator]))
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `insertMany takes an iterable or async iterable of { id, vector, metadata }, not ${echo(items)}. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  return new Insertion(target, options).run(items)
}

class Insertion implements Asker {
  readonly #target: InsertTarget
  readonly #options: InsertManyOptions
  #started = 0
  /** Those that are done before one in front of them, by their places. */
  readonly #early = new Map<number, string>()
  #unsettled = 0
  #waiting: { readonly atMost: number; readonly resolve: () => void } | undefined
  /** So many are done from the first on: the place of the next. */
  #count = 0
  #lastId: string | undefined
  #toldCount = 0
  #telling = false
  #source: AwaitedSource | undefined
  /** What ended it: of several, what concerns the first item. */
  #failure: { readonly position: number; readonly error: unknown } | undefined

  constructor(target: InsertTarget, options: InsertManyOptions) {
    this.#target = target
    this.#options = options
  }

  get #progress(): InsertManyProgress {
    return { count: this.#count, lastId: this.#lastId }
  }

  async run(items: Items): Promise<InsertManyProgress> {
    const { signal } = this.#options
    const giveUp = (): void => this.#source?.giveUp()
    signal?.addEventListener('abort', giveUp)
    const stopListening = this.#target.whenClosed(giveUp)
    try {
      signal?.throwIfAborted()
      await (Symbol.asyncIterator in items ? this.#takeAwaited(items) : this.#take(items))
      if (this.#source?.isGivenUp) {
        signal?.throwIfAborted()
        this.#target.needOpen()
      }
    } catch (error) {
      this.#fail(this.#started, error)
    } finally {
      signal?.removeEventListener('abort', giveUp)
      stopListening()
    }
    await this.#until(0)
    this.#tell()
    if (this.#failure)
      throw endedEarly({ ...this.#progress, position: this.#failure.position }, this.#failure.error)
    return this.#progress
  }

  /** What is there at once is not awaited: that would be three promises an item. */
  async #take(items: Iterable<InsertManyItem<unknown>>): Promise<void> {
    for (const item of items) {
      if (this.#failure) return
      const full = this.#startNext(item)
      if (full) await full
    }
  }

  /** A source that may keep us waiting is given up where something else ends the insertion. */
  async #takeAwaited(items: AsyncIterable<InsertManyItem<unknown>>): Promise<void> {
    this.#source = new AwaitedSource(items)
    for await (const item of this.#source) {
      if (this.#failure) return
      const full = this.#startNext(item)
      if (full) await full
    }
  }

  /** Answers with a promise where the next has to wait. */
  #startNext(item: InsertManyItem<unknown>): Promise<void> | undefined {
    this.#options.signal?.throwIfAborted()
    this.#start(item)
    // Those that are left keep the disk busy while the next come.
    const isFull = this.#unsettled >= MAX_IN_FLIGHT || this.#target.isFull()
    return isFull ? this.#until(this.#unsettled >> 1) : undefined
  }

  #start(item: InsertManyItem<unknown>): void {
    const position = this.#started++
    let entry: InsertEntry
    try {
      entry = this.#target.checked(item, this.#options.replace ?? false)
    } catch (error) {
      this.#fail(position, error)
      return
    }
    this.#unsettled++
    this.#target.start(entry, this, position)
  }

  /** A refusal is noted before anything behind it can be handed to the log. */
  needGoOn(): void {
    if (this.#failure) throw this.#failure.error
  }

  refused(position: number, error: unknown): void {
    this.#fail(position, error)
  }

  applied(position: number, id: string): void {
    if (position === this.#count) this.#advance(id)
    else this.#early.set(position, id)
    this.#settled()
  }

  failed(position: number, error: unknown): void {
    this.#fail(position, error)
    this.#settled()
  }

  #settled(): void {
    this.#unsettled--
    if (this.#waiting && this.#unsettled <= this.#waiting.atMost) this.#waiting.resolve()
  }

  #fail(position: number, error: unknown): void {
    if (this.#failure === undefined || position < this.#failure.position) this.#failure = { position, error }
    this.#source?.giveUp()
  }

  #advance(id: string): void {
    for (let next: string | undefined = id; next !== undefined; next = this.#early.get(this.#count)) {
      this.#early.delete(this.#count)
      this.#count++
      this.#lastId = next
    }
    if (this.#telling || this.#options.onProgress === undefined) return
    this.#telling = true
    nextTurn().then(() => {
      this.#telling = false
      this.#tell()
    })
  }

  #tell(): void {
    if (this.#count === this.#toldCount) return
    this.#toldCount = this.#count
    try {
      this.#options.onProgress?.(this.#progress)
    } catch (error) {
      this.#fail(this.#started, error)
    }
  }

  async #until(atMost: number): Promise<void> {
    if (this.#unsettled <= atMost) return
    await new Promise<void>((resolve) => {
      this.#waiting = { atMost, resolve }
    })
    this.#waiting = undefined
  }
}

type ItemResult = IteratorResult<InsertManyItem<unknown>, undefined>

const DONE: ItemResult = { done: true, value: undefined }

/** The items of an async iterable, until somebody gives up waiting for the next. */
class AwaitedSource implements AsyncIterableIterator<InsertManyItem<unknown>> {
  isGivenUp = false
  readonly #iterator: AsyncIterator<InsertManyItem<unknown>>
  /** Ends the wait for an item, while there is one. */
  #end: (() => void) | undefined

  constructor(items: AsyncIterable<InsertManyItem<unknown>>) {
    this.#iterator = items[Symbol.asyncIterator]()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<ItemResult> {
    if (this.isGivenUp) {
      await this.return().catch(() => {})
      return DONE
    }
    const ended = new Promise<undefined>((resolve) => {
      this.#end = () => resolve(undefined)
    })
    try {
      const result = await Promise.race([this.#iterator.next(), ended])
      if (result) return result.done ? DONE : result
    } finally {
      this.#end = undefined
    }
    // It may heed this only when it goes on by itself.
    this.return().catch(() => {})
    return DONE
  }

  async return(): Promise<ItemResult> {
    await this.#iterator.return?.()
    return DONE
  }

  giveUp(): void {
    this.isGivenUp = true
    this.#end?.()
  }
}

function endedEarly(failure: InsertManyFailure, cause: unknown): WalError {
  const { count, lastId, position } = failure
  const error = cause instanceof WalError ? cause : undefined
  const code: WalErrorCode = error?.code ?? 'WALV_ABORTED'
  const why = (cause as Error | undefined)?.message ?? echo(cause)
  const durable =
    count === 0
      ? 'No item is durable: begin again with the first.'
      : `${count} ${count === 1 ? 'item is' : 'items are'} durable, the last of them is ${echo(lastId)}. Go on behind that one.`
  return new WalError(code, `insertMany ended at item ${position}: ${why} ${durable}`, {
    ...(error?.file !== undefined && { file: error.file }),
    ...(error?.seq !== undefined && { seq: error.seq }),
    ...(error?.id !== undefined && { id: error.id }),
    ...(error?.fate !== undefined && { fate: error.fate }),
    detail: failure,
    cause,
  })
}
