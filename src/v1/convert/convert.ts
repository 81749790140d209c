import { createHash, type Hash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { ignoreMissing } from '../../disk/directories.ts'
import type { Disk } from '../../disk/disk.ts'
import { ioError } from '../../disk/io-error.ts'
import { changeNames } from '../../disk/names.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import type { EntryInput, WalRecord } from '../../entry.ts'
import { assert, WalError } from '../../errors.ts'
import { encodableInput } from '../../format/encode.ts'
import { INDEX_KIND } from '../../format/index-record.ts'
import { refuseDirectory } from '../../log/layout.ts'
import type { Transaction } from '../../log/log.ts'
import { Wal } from '../../log/wal.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import { encodeV1Entry } from '../format/encode.ts'
import type { V1Entry, V1Record } from '../format/entry.ts'
import { readV1Directory } from '../read/reader.ts'
import { V1Writer } from '../writer.ts'
import {
  decodeNote,
  encodeNote,
  entryToV1,
  entryToV2,
  NOTE_KIND,
  type Note,
  noteOf,
  timestampToV1,
  timestampToV2,
} from './translate.ts'

export interface ConvertOptions {
  readonly from: string
  /** Must be empty, or missing. It appears whole, or not at all. */
  readonly to: string
  /**
   * `'strict'` (default) refuses a damaged source; `'salvage'` converts what verifies or decodes.
   */
  readonly policy?: 'strict' | 'salvage'
  readonly signal?: AbortSignal
  readonly onProgress?: (records: number) => void
  readonly disk?: Disk
}

const CONVERT_OPTIONS: OptionNames<ConvertOptions> = {
  from: true,
  to: true,
  policy: true,
  signal: true,
  onProgress: true,
  disk: true,
}

export interface ConvertReport {
  readonly records: number
  /**
   * Records that the other format does not know: v1 records kept as they are beside the log (to
   * v2), checkpoints left out (to v1).
   */
  readonly withoutCounterpart: number
  readonly damage: number
}

/** What is being converted stands beside its place under such a name, until it is whole. */
const UNFINISHED_SUFFIX = '.walv-converting'

/**
 * Runs what fills a directory, which gets its name when it is whole and durable: a crash leaves
 * nothing under it, and a failure nothing at all.
 */
async function intoNewDirectory<T>(
  disk: Disk,
  path: string,
  work: (unfinished: string) => Promise<T>,
): Promise<T> {
  const before = await disk.list(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    return refuseDirectory(path, error)
  })
  if (before?.length) {
    throw new WalError('WALV_INVALID_OPTION', `${path} is not empty. Convert into a new directory.`, {
      file: path,
    })
  }
  const unfinished = path + UNFINISHED_SUFFIX
  let isNamed = false
  try {
    await disk.remove(unfinished).catch(ignoreMissing)
    const result = await work(unfinished)
    await disk.syncDirectory(unfinished)
    if (before) await disk.remove(path)
    isNamed = true
    await changeNames(disk, dirname(path), () => disk.rename(unfinished, path))
    return result
  } catch (error) {
    const isTaken = ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    await disk.remove(unfinished).catch(() => {})
    // A failed sync leaves it open under which name it is: both go. Never what somebody else put
    // there meanwhile.
    if (isNamed && !isTaken) await disk.remove(path).catch(() => {})
    throw ioError(error, `The log could not be converted into ${path}`, path)
  }
}

/** Appends under way at one time. */
const IN_FLIGHT = 512

/**
 * Writes the records of a v1 directory into a new v2 log, in file order, such that `convertToV1`
 * gives back exactly the same records, byte for byte: where a record cannot be told from its v2
 * form, a `walv.v1` record keeps it as it was. At the end this is checked, record by record.
 * @throws WALV_DAMAGED, WALV_INVALID_OPTION if `to` is not empty, and what reading and writing
 * throw
 */
export async function convertToV2(options: ConvertOptions): Promise<ConvertReport> {
  checkOptions('convertToV2', options, CONVERT_OPTIONS)
  const disk = options.disk ?? nodeDisk
  return intoNewDirectory(disk, resolve(options.to), (to) => writeV2({ ...options, to }, disk))
}

async function writeV2(options: ConvertOptions, disk: Disk): Promise<ConvertReport> {
  const { policy = 'strict', signal } = options
  const writer = await V2Writer.open(options.to, disk)
  const sum = createHash('sha256')
  let records = 0
  let damage = 0
  try {
    for await (const { record, damage: found } of readV1Directory(disk, options.from, { signal })) {
      if (found) {
        const lost = found.acknowledged !== false && found.kind !== 'torn-tail'
        if (policy === 'strict' && lost) throw refuse(options.from, found.detail)
        damage++
        continue
      }
      await writer.add(record)
      update(sum, record)
      records++
      options.onProgress?.(records)
    }
    await writer.finish()
  } finally {
    await writer.close()
  }
  await proveReversible(options.to, disk, sum.digest('hex'))
  return { records, withoutCounterpart: writer.alone, damage }
}

const refuse = (directory: string, detail: string): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `${directory} is damaged: ${detail} Nothing was converted. To convert what is left, use the policy salvage.`,
  )

function update(sum: Hash, { seq, payload }: { seq: bigint; payload: Uint8Array }): void {
  const prefix = Buffer.alloc(12)
  prefix.writeBigUInt64LE(seq)
  prefix.writeUInt32LE(payload.length, 8)
  sum.update(prefix).update(payload)
}

async function proveReversible(directory: string, disk: Disk, expected: string): Promise<void> {
  const wal = await Wal.open({ directory, disk, readOnly: true })
  const sum = createHash('sha256')
  for await (const frame of v1Frames(wal.read(), () => {})) update(sum, frame)
  if (sum.digest('hex') !== expected) {
    throw new WalError(
      'WALV_INVALID_FILE',
      `Converting ${directory} back would not give the same records. Do not use it, and please report this.`,
      { file: directory },
    )
  }
}

/**
 * Appends v1 records to a new log: each as what does the same in v2, with a note where that alone
 * would not tell the record.
 */
class V2Writer {
  alone = 0
  readonly #wal: Wal
  readonly #clock: { now: number }
  readonly #open = new Map<bigint, Transaction>()
  #innermost: bigint[] = []
  #expected = 0n
  #under: Promise<unknown>[] = []

  private constructor(wal: Wal, clock: { now: number }) {
    this.#wal = wal
    this.#clock = clock
  }

  static async open(directory: string, disk: Disk): Promise<V2Writer> {
    const clock = { now: 0 }
    const wal = await Wal.open({ directory, disk, durability: 'os', clock: () => clock.now })
    return new V2Writer(wal, clock)
  }

  async add(record: V1Record): Promise<void> {
    this.#clock.now = Math.max(this.#clock.now, timestampToV2(record.entry.timestamp))
    const { entry } = record
    if (entry.type === 'beginTransaction') this.#begin(record)
    else if (entry.type === 'commitTransaction' || entry.type === 'abortTransaction')
      this.#end(record, entry.type, entry.transactionId)
    else this.#data(record)
    this.#expected = record.seq + 1n
    if (this.#under.length >= IN_FLIGHT) await this.#settle()
  }

  #begin(record: V1Record & { entry: V1Entry }): void {
    const { transactionId } = record.entry as Extract<V1Entry, { type: 'beginTransaction' }>
    // A begin of an id that is open already means that the first was left behind.
    if (this.#open.has(transactionId)) this.#abandon(transactionId)
    const own = (id: number): V1Entry => ({
      type: 'beginTransaction',
      transactionId: BigInt(id),
      timestamp: this.#time,
    })
    this.#noteUnless(this.#tells(own(this.#wal.lastSeq + 1), record), record)
    const transaction = this.#wal.begin()
    this.#open.set(transactionId, transaction)
    this.#innermost.push(transactionId)
  }

  #end(record: V1Record, type: 'commitTransaction' | 'abortTransaction', id: bigint): void {
    const transaction = this.#open.get(id)
    if (transaction === undefined) {
      this.#keep(record)
      return
    }
    const own: V1Entry = { type, transactionId: BigInt(transaction.id), timestamp: this.#time }
    this.#noteUnless(this.#tells(own, record), record)
    this.#under.push(type === 'commitTransaction' ? transaction.commit() : transaction.abort())
    this.#forget(id)
  }

  #data(record: V1Record): void {
    const entry = entryToV2(record.entry)
    if (entry === undefined || !holds(entry)) {
      this.#keep(record)
      return
    }
    this.#noteUnless(this.#tells(entryToV1(entry, 0, this.#time), record), record)
    const id = this.#innermost.at(-1)
    if (id === undefined) this.#under.push(this.#wal.append(entry))
    else this.#open.get(id)!.append(entry)
  }

  /** Whether a record of v2, noted at the time of now, tells the v1 record byte for byte. */
  #tells(own: V1Entry, { seq, payload }: V1Record): boolean {
    return seq === this.#expected && Buffer.compare(encodeV1Entry(own), payload) === 0
  }

  get #time(): bigint {
    return timestampToV1(this.#clock.now)
  }

  #noteUnless(told: boolean, record: V1Record): void {
    if (!told) this.#note(noteOf('original', record))
  }

  #keep(record: V1Record): void {
    this.alone++
    this.#note(noteOf('alone', record))
  }

  #note(note: Note): void {
    this.#under.push(this.#wal.append({ type: 'custom', kind: NOTE_KIND, data: encodeNote(note) }))
  }

  /** Ends a transaction that v1 left open, and says that this was not in v1. */
  #abandon(id: bigint): void {
    this.#note({ is: 'added' })
    this.#under.push(this.#open.get(id)!.abort())
    this.#forget(id)
  }

  #forget(id: bigint): void {
    this.#open.delete(id)
    this.#innermost = this.#innermost.filter((other) => other !== id)
  }

  async finish(): Promise<void> {
    for (const id of [...this.#open.keys()]) this.#abandon(id)
    await this.#settle()
    await this.#wal.flush()
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#under)
    this.#under = []
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#under)
    await this.#wal.close()
  }
}

function holds(entry: EntryInput): boolean {
  try {
    encodableInput(entry)
    return true
  } catch (error) {
    assert(error instanceof WalError, `an entry could not be looked at: ${error}`)
    return false
  }
}

/**
 * Writes the records of a v2 log into a new v1 directory, which the original reads. Checkpoints are
 * left out: the original would drop everything before them. So is what the log says of its vectors:
 * v1 has no place for it.
 * @throws WALV_INVALID_ENTRY for a record that v1 has no form of (custom, prepared, an update of a
 * part), WALV_SEQUENCE_TRIMMED if the log's beginning is only in a snapshot, WALV_DAMAGED, and what
 * reading and writing throw
 */
export async function convertToV1(options: ConvertOptions): Promise<ConvertReport> {
  checkOptions('convertToV1', options, CONVERT_OPTIONS)
  const disk = options.disk ?? nodeDisk
  return intoNewDirectory(disk, resolve(options.to), (to) => writeV1({ ...options, to }, disk))
}

async function writeV1(options: ConvertOptions, disk: Disk): Promise<ConvertReport> {
  const { policy = 'strict', signal } = options
  const wal = await Wal.open({
    directory: options.from,
    disk,
    readOnly: true,
    recovery: policy,
    ...(signal && { signal }),
  })
  const { firstSeq } = wal.stats()
  if (firstSeq > 0) {
    throw new WalError(
      'WALV_SEQUENCE_TRIMMED',
      `The log in ${options.from} begins with record ${firstSeq}; what came before is in a snapshot, which format v1 cannot hold.`,
      { seq: firstSeq },
    )
  }
  const writer = await V1Writer.create(disk, options.to)
  let records = 0
  let withoutCounterpart = 0
  try {
    for await (const { seq, payload } of v1Frames(
      wal.read(signal ? { signal } : {}),
      () => withoutCounterpart++,
    )) {
      await writer.writeFrame(seq, payload)
      records++
      options.onProgress?.(records)
    }
  } finally {
    await writer.close()
  }
  return { records, withoutCounterpart, damage: wal.recovery.damage.length }
}

/** What the records of a v2 log are in v1. */
async function* v1Frames(
  records: AsyncIterable<WalRecord>,
  leftOut: () => void,
): AsyncGenerator<{ seq: bigint; payload: Uint8Array }, void, void> {
  let expected = 0n
  let note: Note | undefined
  const open: number[] = []
  for await (const record of records) {
    const { entry } = record
    if (entry.type === 'custom' && entry.kind === NOTE_KIND) {
      note = decodeNote(entry.data)
      if (note.is !== 'alone') continue
      yield note
      expected = note.seq + 1n
    } else if (entry.type === 'checkpoint' || (entry.type === 'custom' && entry.kind === INDEX_KIND)) {
      leftOut()
    } else if (note?.is === 'original') {
      trackTransaction(record, open)
      yield note
      expected = note.seq + 1n
    } else if (note?.is === 'added') {
      trackTransaction(record, open)
    } else {
      trackTransaction(record, open)
      yield { seq: expected, payload: encodeV1Entry(plainToV1(record)) }
      expected++
    }
    note = undefined
  }
}

/** v1 tells a transaction's entries only by where they stand. */
function trackTransaction({ seq, entry, transactionId }: WalRecord, open: number[]): void {
  if (entry.type === 'beginTransaction') open.push(seq)
  else if (entry.type === 'commitTransaction' || entry.type === 'abortTransaction')
    open.splice(open.lastIndexOf(transactionId!), 1)
  else if (transactionId !== open.at(-1)) {
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `Record ${seq} does not stand within its transaction alone, and format v1 cannot tell to which of several it belongs.`,
      { seq },
    )
  }
}

function plainToV1({ seq, timestamp, entry, transactionId }: WalRecord): V1Entry {
  const time = timestampToV1(timestamp)
  if (
    entry.type === 'beginTransaction' ||
    entry.type === 'commitTransaction' ||
    entry.type === 'abortTransaction'
  ) {
    return { type: entry.type, transactionId: BigInt(transactionId!), timestamp: time }
  }
  return entryToV1(entry, seq, time)
}
