import type { Disk } from '../../disk/disk.ts'
import type { WalRecord } from '../../entry.ts'
import { checkOptions } from '../../option-names.ts'
import type { CursorReading } from '../cursor/cursor-reading.ts'
import { type CommittedUnit, TAIL_OPTIONS, type TailOptions } from '../log.ts'
import { wholeNumber } from '../options.ts'
import type { LogItem } from '../read/record-reader.ts'
import { replayUnits } from '../read/replay.ts'
import { cursorUnits, readingOf } from './cursor-units.ts'
import { type LiveRange, liveItems } from './live-items.ts'
import type { LiveSource } from './live-source.ts'

/** What goes on while a tail waits for what comes. */
export interface Waiting extends Pick<LiveRange, 'waits'> {
  /** Default true. */
  readonly holds?: boolean
  /** Of a cursor, in the place of where it stands: goes on where another log object has ended. */
  readonly resumed?: CursorReading | undefined
}

/** How a log is read. */
export interface Reading {
  records(items: AsyncGenerator<readonly LogItem[], void, void>): AsyncIterable<WalRecord>
  again(from: number, through: number, signal: AbortSignal): AsyncIterable<WalRecord>
}

/** What takes effect in a log: what is there, and then what comes. */
export function tailOf(
  disk: Disk,
  source: LiveSource,
  options: TailOptions,
  { holds = true, waits, resumed }: Waiting,
  reading: Reading,
): Tail<CommittedUnit> {
  checkOptions('tail', options, TAIL_OPTIONS)
  const { signal, borrow = false, cursor } = options
  const from = options.from === undefined ? undefined : wholeNumber('from', options.from, 0)
  const at = resumed ?? (cursor && readingOf(cursor, options, source.directory))
  const end = new AbortController()
  const ended = end.signal
  const begin = at?.place.replayFrom ?? from ?? source.extent.extents[0]?.firstSeq ?? 0
  const items = liveItems(disk, source, { from: begin, ended, borrow, holds, ...(waits && { waits }) })
  const records = reading.records(items)
  const again = (id: number, through: number): AsyncIterable<WalRecord> => reading.again(id, through, ended)
  const units = at
    ? cursorUnits(records, at, again, source)
    : replayUnits(records, (from ?? 0) - 1, again, from)
  return new Tail(units, end, signal)
}

/**
 * What takes effect, as it does. It ends when it is told to: also where that waits for what has not
 * happened yet.
 */
export class Tail<T> implements AsyncGenerator<T, void, void> {
  readonly #units: AsyncGenerator<T, void, void>
  readonly #ended: AbortController
  #isOver = false

  /** `ended`: what ends `units` when it is aborted. */
  constructor(units: AsyncGenerator<T, void, void>, ended: AbortController, signal?: AbortSignal) {
    this.#units = units
    this.#ended = ended
    const abort = (): void => ended.abort()
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    ended.signal.addEventListener('abort', () => signal?.removeEventListener('abort', abort))
  }

  get isOpen(): boolean {
    return !this.#isOver
  }

  async next(): Promise<IteratorResult<T, void>> {
    if (this.#ended.signal.aborted) return this.return()
    try {
      const result = await this.#units.next()
      if (result.done) this.#isOver = true
      return result
    } catch (error) {
      this.#isOver = true
      // What was cut short by the end of all of it is no failure.
      if (this.#ended.signal.aborted) return { value: undefined, done: true }
      throw error
    }
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#isOver = true
    this.#ended.abort()
    await this.#units.return()
    return { value: undefined, done: true }
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    await this.return()
    throw error
  }

  async close(): Promise<void> {
    await this.return().catch(() => {})
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
