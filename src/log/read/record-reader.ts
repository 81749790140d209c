import { damageChannel } from '../../diagnostics.ts'
import type { Disk } from '../../disk/disk.ts'
import { ioError } from '../../disk/io-error.ts'
import type { Damage, WalRecord } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { decodeRecord } from '../../format/decode.ts'
import { FRAME_TYPES } from '../../format/frame.ts'
import { damageIn } from '../damage.ts'
import { damageOf } from '../recover/damage.ts'
import { type FrameVisitor, type Mark, type SegmentExtent, SegmentScan } from '../segment/segment-scan.ts'

/** Opens segments to be read. */
export type Files = Pick<Disk, 'open'>

/** What a range of the log holds, in order. */
export type LogItem = { readonly record: WalRecord } | { readonly damage: Damage }

/** Decoded at once: what waits for the event loop waits a millisecond for them. */
const MAX_ITEMS = 256

export interface ReadRange {
  readonly from: number
  /** The first sequence number not to be read. */
  readonly before: number
  /** What the log is known to promise: tells damage from a torn tail. */
  readonly durableBefore: number
  readonly signal?: AbortSignal | undefined
  /** What to do where retention overtakes the reading. */
  readonly again: string
  /**
   * Vectors and data are views of the reader's memory, valid until the next items are asked for.
   */
  readonly borrow?: boolean
  /** Told behind a record where the next one stands, for who goes on from there later. */
  readonly reached?: ((segment: number, next: Mark) => void) | undefined
}

/**
 * Reads and verifies the records of a range, segment after segment, with damage at its place: some
 * of what one read of a file brought at a time.
 */
export async function* readItems(
  disk: Files,
  segments: Iterable<SegmentExtent>,
  range: ReadRange,
): AsyncGenerator<readonly LogItem[], void, void> {
  for (const segment of segments) {
    if (segment.supersededFrom <= range.from || segment.firstSeq >= range.before) continue
    yield* readSegment(disk, { ...segment, scanEnd: range.before }, range)
  }
}

async function* readSegment(
  disk: Files,
  segment: SegmentExtent,
  range: ReadRange,
): AsyncGenerator<readonly LogItem[], void, void> {
  let items: LogItem[] = []
  const visitor: FrameVisitor = {
    record(window, at, header, bytes) {
      if (header.seq < range.from) return false
      if (header.type !== FRAME_TYPES.gap)
        range.reached?.(segment.number, { seq: header.seq + 1, offset: window.offset + bytes })
      const decoding = decodeRecord(window.memory, at, header, range.borrow)
      if ('record' in decoding) items.push(decoding)
      else
        items.push({ damage: undecodable(segment.name, window.offset, bytes, header.seq, decoding.problem) })
      return items.length >= MAX_ITEMS
    },
    beforeReading: () => items.length > 0,
  }
  const scan = await SegmentScan.open(disk, segment, visitor, range.from).catch((error) => {
    throw refusal(error, segment, range)
  })
  try {
    let reported = 0
    while (!scan.done) {
      await scan.run(range.signal).catch((error) => {
        throw refusal(error, { path: segment.path, firstSeq: scan.expected }, range)
      })
      for (; reported < scan.anomalies.length; reported++) {
        // Never null: a walk that is told where to stop knows how much each place lost.
        if (scan.anomalies[reported]!.lostThrough! < range.from) continue
        items.push({ damage: damageOf(scan.anomalies[reported]!, range.durableBefore, range.before) })
      }
      if (items.length > 0) yield items
      items = []
    }
  } finally {
    await scan.close()
  }
}

function refusal(
  error: NodeJS.ErrnoException,
  { path, firstSeq }: Pick<SegmentExtent, 'path' | 'firstSeq'>,
  range: ReadRange,
): Error {
  if (range.signal?.aborted)
    return new WalError('WALV_ABORTED', 'Reading the log was aborted.', { cause: error })
  if (error.code === 'ENOENT') {
    const message = `Record ${firstSeq} and those behind it were removed while they were being read, as a checkpoint does that covers them. ${range.again}`
    return new WalError('WALV_SEQUENCE_TRIMMED', message, { file: path, seq: firstSeq, cause: error })
  }
  return ioError(error, `${path} cannot be read`, path)
}

/**
 * A frame that verifies and makes no sense was written by something else than walv, or by a defect
 * of it.
 */
const undecodable = (file: string, offset: number, bytes: number, seq: number, problem: string): Damage =>
  damageIn({
    kind: 'corrupt',
    file,
    offset,
    bytes,
    acknowledged: true,
    seqs: [{ from: seq, through: seq }],
    detail: `${file} at offset ${offset}: record ${seq} verifies but has ${problem}.`,
  })

type Result = IteratorResult<WalRecord, void>

/**
 * The records alone. What is at hand is handed out without a turn of a generator for each.
 * @throws WALV_DAMAGED at the place where records are lost, unless `skipDamage`
 */
export class RecordReader implements AsyncGenerator<WalRecord, void, void> {
  readonly #batches: AsyncGenerator<readonly LogItem[], void, void>
  readonly #directory: string
  readonly #skipDamage: boolean
  #closed = false
  #ended = false
  #items: readonly LogItem[] = []
  #place = 0
  /** The last call that has not been answered. */
  #waiting: Promise<Result> | undefined

  constructor(
    batches: AsyncGenerator<readonly LogItem[], void, void>,
    directory: string,
    skipDamage: boolean,
  ) {
    this.#batches = batches
    this.#directory = directory
    this.#skipDamage = skipDamage
  }

  next(): Promise<Result> {
    if (this.#closed) return Promise.reject(closedWhileRead(this.#directory))
    const item = this.#items[this.#place]
    if (this.#waiting === undefined && item !== undefined && 'record' in item) {
      this.#place++
      return Promise.resolve({ value: item.record, done: false })
    }
    return this.#inTurn(() => this.#advance())
  }

  return(): Promise<Result> {
    return this.#inTurn(async () => {
      this.#items = []
      this.#ended = true
      await this.#batches.return()
      return { value: undefined, done: true }
    })
  }

  /** Whether it has not come to its end. */
  get isOpen(): boolean {
    return !this.#ended
  }

  /** The log is closed: nothing more is read, and the file is let go of. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.return()
  }

  throw(error: unknown): Promise<Result> {
    return this.return().then(() => {
      throw error
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** Calls that did not wait for one another are answered one after the other. */
  #inTurn(work: () => Promise<Result>): Promise<Result> {
    const before = this.#waiting
    const done = before === undefined ? work() : before.then(work, work)
    this.#waiting = done
    const answered = (): void => {
      if (this.#waiting === done) this.#waiting = undefined
    }
    done.then(answered, answered)
    return done
  }

  async #advance(): Promise<Result> {
    for (;;) {
      for (let item = this.#items[this.#place]; item !== undefined; item = this.#items[this.#place]) {
        this.#place++
        if ('record' in item) return { value: item.record, done: false }
        await this.#refuse(item.damage)
      }
      if (this.#closed) throw closedWhileRead(this.#directory)
      const { value, done } = await this.#batches.next()
      if (done) {
        this.#ended = true
        return { value: undefined, done }
      }
      this.#items = value
      this.#place = 0
    }
  }

  async #refuse(damage: Damage): Promise<void> {
    if (this.#skipDamage || damage.seqs.length === 0) return
    if (damageChannel.hasSubscribers) damageChannel.publish({ directory: this.#directory, damage })
    this.#items = []
    await this.#batches.return()
    const { file, offset, detail } = damage
    throw new WalError(
      'WALV_DAMAGED',
      `${detail} Reading stopped there. See everything with: npx walv doctor.`,
      {
        file,
        offset,
        detail: [damage],
      },
    )
  }
}

const closedWhileRead = (directory: string): WalError =>
  new WalError(
    'WALV_CLOSED',
    `The log in ${directory} was closed while it was read. Open it again, and read from where it ended.`,
    {
      file: directory,
    },
  )
