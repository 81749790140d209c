import assert from 'node:assert/strict'
import type { EntryInput, InsertEntry, WalEntry, WalRecord } from '../../entry.ts'
import type { WalErrorCode } from '../../errors.ts'
import type { CheckpointRequest, CommittedUnit, Log } from '../../log/log.ts'

/** Where one log is kept. */
export interface LogPlace {
  /**
   * Opens the log: an empty one at first, then as it was left. The log that was opened before is
   * closed by then.
   */
  open(): Promise<Log>
  /** Removes everything. Called last, when all that was opened is closed. */
  remove?(): Promise<void>
}

/** What one case is about: a log of its own. */
export class LogSubject {
  readonly #place: LogPlace
  readonly #opened: Log[] = []

  constructor(place: LogPlace) {
    this.#place = place
  }

  async open(): Promise<Log> {
    const log = await this.#place.open()
    this.#opened.push(log)
    return log
  }

  async reopen(log: Log): Promise<Log> {
    await log.close()
    return this.open()
  }

  async release(): Promise<void> {
    for (const log of this.#opened) await log.close().catch(() => {})
    await this.#place.remove?.()
  }
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

export const recordsIn = (log: Log, from?: number): Promise<WalRecord[]> =>
  collect(log.read(from === undefined ? {} : { from }))

export const unitsIn = (log: Log, options?: { after?: number; from?: number }): Promise<CommittedUnit[]> =>
  collect(log.replay(options))

/** What takes effect, in order: the ids of each unit's entries. */
export const effectsIn = async (log: Log, options?: { after?: number; from?: number }): Promise<string[]> =>
  (await unitsIn(log, options)).map(({ entries }) => entries.map(nameOf).join(' '))

function nameOf(entry: WalEntry): string {
  if (entry.type === 'batch') return `[${entry.entries.map(nameOf).join(' ')}]`
  return 'id' in entry ? entry.id : entry.type
}

/**
 * Fails unless records have every number from the first to the last, and timestamps that do not
 * decrease.
 */
export function checkOrder(records: readonly WalRecord[]): void {
  for (const [place, { seq, timestamp }] of records.entries()) {
    assert.equal(
      seq,
      records[0]!.seq + place,
      `record ${seq} stands at place ${place} behind ${records[0]!.seq}`,
    )
    assert.ok(
      timestamp >= (records[place - 1]?.timestamp ?? 0),
      `record ${seq} is older than the one before it`,
    )
  }
}

export const insert = (id: string): InsertEntry => ({
  type: 'insert',
  id,
  vector: Float32Array.of(1, 2),
  metadata: { id },
})

const bits = (...words: readonly number[]): Float32Array => new Float32Array(Uint32Array.from(words).buffer)

/**
 * Every kind of entry, with what is easily lost of it: bits, empty things, absent ones, text beyond
 * ASCII, nesting.
 */
export const ENTRIES: readonly EntryInput[] = [
  {
    type: 'insert',
    id: 'a',
    vector: Float32Array.of(0.1, -0, 1e-45),
    metadata: { text: 'ä€😀', list: [1, null, [true]] },
  },
  { type: 'insert', id: 'b', vector: bits(0x7fc12345, 0xff800001, 0x80000000), metadata: null },
  { type: 'insert', id: 'b', vector: new Float32Array(0), metadata: '', replace: true },
  { type: 'insert', id: ' ünï/码 ', vector: new Float32Array(2_000).fill(0.5) },
  { type: 'update', id: 'a', vector: Float32Array.of(1) },
  { type: 'update', id: 'a', metadata: null },
  { type: 'update', id: 'a', vector: Float32Array.of(2), metadata: [0] },
  { type: 'delete', id: 'b' },
  { type: 'custom', kind: 'app.note', data: Uint8Array.of(0, 255, 10) },
  { type: 'custom', kind: 'k', data: new Uint8Array(0) },
  {
    type: 'batch',
    entries: [
      { type: 'delete', id: 'c' },
      { type: 'batch', entries: [insert('c'), { type: 'custom', kind: 'k', data: Uint8Array.of(7) }] },
      insert('d'),
    ],
  },
]

/**
 * An entry as a value that is equal for entries that mean the same: vectors and bytes by their
 * bits, no metadata as none.
 */
export function meaning(entry: EntryInput | WalEntry): unknown {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(meaning) }
  if (entry.type === 'custom') return { ...entry, data: hex(entry.data) }
  if (entry.type !== 'insert' && entry.type !== 'update') return entry
  const { vector, metadata, ...rest } = entry
  const given = entry.type === 'insert' ? (metadata ?? null) : metadata
  return {
    ...rest,
    ...(vector && { vector: hex(new Uint8Array(Float32Array.from(vector).buffer)) }),
    ...(given !== undefined && { metadata: given }),
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A snapshot of one file. */
export const snapshotOf = (
  seq: number,
  content: string,
  info: string | null = content,
): CheckpointRequest => ({
  seq,
  snapshot: async (target) => {
    await target.write('state', [Buffer.from(content)])
    return info
  },
})

/** The content of the snapshot that a replay starts from. */
export async function snapshotIn({ snapshot }: Log): Promise<string | undefined> {
  if (snapshot === undefined) return undefined
  const pieces: Buffer[] = []
  for await (const piece of snapshot.read('state')) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces).toString()
}

/** Fails unless a call throws or rejects with this code. */
export async function refuses(code: WalErrorCode, call: () => unknown): Promise<void> {
  await assert.rejects(async () => call(), { code }, `it had to refuse with ${code}: ${call}`)
}
