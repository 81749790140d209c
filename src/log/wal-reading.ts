import type { WalRecord } from '../entry.ts'
import { WalError } from '../errors.ts'
import { checkOptions } from '../option-names.ts'
import { liveItems } from './follow/live-items.ts'
import { tailOf, type Waiting } from './follow/tail.ts'
import {
  type CommittedUnit,
  READ_OPTIONS,
  REPLAY_OPTIONS,
  type ReadOptions,
  type ReplayOptions,
  type TailOptions,
} from './log.ts'
import type { CheckedMoment } from './moment.ts'
import { type WalSettings, wholeNumber } from './options.ts'
import { OpenReaders } from './read/open-readers.ts'
import { type LogItem, RecordReader, readItems } from './read/record-reader.ts'
import { replayUnits, until } from './read/replay.ts'
import { seqAt } from './recover/past.ts'
import type { WalState } from './wal-state.ts'

const READ_AGAIN =
  'Read again, from the oldest record that is kept (without `from`), or replay from the last snapshot.'
/** What was listed when it was opened is all that it ever reads. */
const OPEN_AGAIN =
  'This log was opened read-only, and lists what was there then: open it again, and read from the oldest record or the last snapshot.'

/** Reads an open log, as `Wal` promises, until that is closed. */
export class WalReading {
  readonly #settings: WalSettings
  readonly #state: WalState
  readonly #readers = new OpenReaders()

  constructor(settings: WalSettings, state: WalState) {
    this.#settings = settings
    this.#state = state
  }

  read(options: ReadOptions): AsyncGenerator<WalRecord, void, void> {
    checkOptions('read', options, READ_OPTIONS)
    const { extents, before } = this.#state.extent
    const first = extents[0]?.firstSeq ?? 0
    const from = options.from === undefined ? first : wholeNumber('from', options.from, 0)
    if (from < first) {
      throw new WalError(
        'WALV_SEQUENCE_TRIMMED',
        `Record ${from} is no longer kept: the log in ${this.#settings.directory} begins with record ${first}. Start from there, or from the last snapshot.`,
        { seq: first },
      )
    }
    const durableBefore = this.#state.durableSeq + 1
    const { signal, borrow = false } = options
    const again = this.#state.followsRetention ? READ_AGAIN : OPEN_AGAIN
    const range = { from, before, durableBefore, signal, borrow, again }
    const items = this.#settings.follow
      ? this.#followedItems(from, before, signal, borrow)
      : readItems(this.#settings.disk, extents, range)
    return this.#readers.add(this.#records(items))
  }

  /** Others may supersede what is read meanwhile. */
  #followedItems(from: number, until: number, signal: AbortSignal | undefined, borrow: boolean) {
    const ended = signal ?? new AbortController().signal
    return liveItems(this.#settings.disk, this.#state.live(), { from, until, ended, borrow, holds: false })
  }

  #records(items: AsyncGenerator<readonly LogItem[], void, void>): RecordReader {
    return new RecordReader(items, this.#settings.directory, this.#settings.recovery === 'salvage')
  }

  replay(options: ReplayOptions): AsyncGenerator<CommittedUnit, void, void> {
    checkOptions('replay', options, REPLAY_OPTIONS)
    const { signal, borrow = false } = options
    const after = options.after === undefined ? -1 : wholeNumber('after', options.after, -1)
    const checkpoint = this.#state.lastCheckpoint
    const from =
      options.from ??
      (checkpoint?.sequenceNumber === after
        ? checkpoint.replayFrom
        : options.after === undefined
          ? undefined
          : after + 1)
    const records = this.read({ from, signal, borrow })
    return replayUnits(records, after, (begin, through) => until(this.read({ from: begin, signal }), through))
  }

  /** What takes effect behind a place, also of transactions that began before it; borrowed. */
  replayBehind(after: number): AsyncGenerator<CommittedUnit, void, void> {
    const from = after + 1
    const records = this.read({ from, borrow: true })
    return replayUnits(records, after, (begin, through) => until(this.read({ from: begin }), through), from)
  }

  tail(options: TailOptions, waiting: Waiting): AsyncGenerator<CommittedUnit, void, void> {
    const source = this.#state.live()
    const units = tailOf(this.#settings.disk, source, options, waiting, {
      records: (items) => this.#records(items),
      again: (from, through, signal) => until(this.read({ from, signal }), through),
    })
    return this.#readers.add(units)
  }

  /** The last record that is there at a moment. */
  seqAt(moment: CheckedMoment): Promise<number> {
    const { extents: segments, before: endSeq } = this.#state.extent
    const firstSeq = segments[0]?.firstSeq ?? 0
    return seqAt(this.#settings.disk, { segments, firstSeq, endSeq }, moment, undefined)
  }

  /** Ends what is being read. */
  close(): Promise<void> {
    return this.#readers.close()
  }
}
