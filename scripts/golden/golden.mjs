// A log that is being written, with what it must be read as.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const START = 1_700_000_000_000
/** Longer bytes are told by their hash. */
const MAX_HEX_BYTES = 256

/**
 * A log that is being written, with what it is to be read as. Every append is given a millisecond
 * of its own.
 */
export class Golden {
  now = START
  records = []
  #nextSeq = 0

  /** Written in `scratch`, and set aside in `target`. */
  constructor(name, { scratch, target }) {
    this.directory = join(scratch, name)
    this.folder = join(target, name)
  }

  get options() {
    return { directory: this.directory, clock: () => this.now }
  }

  /** What the log must hold next. */
  expect(entry, transactionId) {
    this.records.push({
      seq: this.#nextSeq++,
      timestamp: this.now,
      ...(transactionId !== undefined && { transactionId }),
      entry: plain(entry),
    })
  }

  async append(wal, entry) {
    this.now++
    this.expect(entry)
    same(await wal.append(entry), this.#nextSeq - 1)
  }

  begin(wal) {
    this.now++
    const transaction = wal.begin()
    same(transaction.id, this.#nextSeq)
    this.expect({ type: 'beginTransaction' }, transaction.id)
    return transaction
  }

  add(transaction, entry) {
    this.now++
    this.expect(entry, transaction.id)
    transaction.append(entry)
  }

  async mark(transaction, type, end) {
    this.now++
    this.expect({ type }, transaction.id)
    await end.call(transaction)
  }

  /** Sets the log aside as it is at this moment, as a power cut would leave it. */
  keep(from = this.directory) {
    mkdirSync(this.folder, { recursive: true })
    cpSync(from, join(this.folder, 'log'), { recursive: true, filter: (path) => !/LOCK$|\.lock$|\.tmp$/.test(path) })
  }

  /** Changes a segment that was set aside. */
  alter(segment, change) {
    const path = join(this.folder, 'log', segment)
    const bytes = readFileSync(path)
    change(bytes)
    writeFileSync(path, bytes)
  }

  /** `recovery`: what the report of opening must say; `salvage`: that it takes `'salvage'`. */
  finish(recovery, more = {}) {
    const expected = { recovery, records: this.records, ...more }
    writeFileSync(join(this.folder, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`)
  }
}

/** What opening reports of a log without anything to tell. */
export const clean = ({ records }, segments) => ({
  entries: records.length,
  segments,
  lastSeq: records.at(-1).seq,
  transactions: { committed: 0, aborted: 0, inDoubt: [] },
  checkpoints: 0,
  damage: [],
  gaps: [],
  closedInOrder: true,
})

export function same(found, expected) {
  if (found !== expected) throw new Error(`expected sequence number ${expected}, got ${found}`)
}

/** An entry as JSON can hold it: bytes as hexadecimal, or as their length and hash. */
export function plain(entry) {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(plain) }
  if (entry.type === 'custom') return { ...entry, data: bytesOf(entry.data) }
  if (entry.vector === undefined) return { ...entry }
  const { buffer, byteOffset, byteLength } = entry.vector
  return { ...entry, vector: bytesOf(new Uint8Array(buffer, byteOffset, byteLength)) }
}

function bytesOf(bytes) {
  if (bytes.length <= MAX_HEX_BYTES) return Buffer.from(bytes).toString('hex')
  return { bytes: bytes.length, sha256: sha256(bytes) }
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
