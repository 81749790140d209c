/**
 * What a log must hold, told without a look at the engine: what was handed to it at which number,
 * what it vouched for, and what its records mean. Everything here is compared with what the log's
 * own reading, replaying and recovering say.
 */
import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import type { WalEntry, WalRecord } from '../../src/mod.ts'

/** Facts at one moment. Immutable. */
export interface LogFacts {
  /**
   * By sequence number, the text of what was handed over. A hole where the log wrote something of
   * its own.
   */
  readonly submitted: readonly (string | undefined)[]
  /** Through this number all must be there after a power cut. −1: nothing must. */
  readonly durable: number
  /** Through this number all must be there after the death of the process alone. */
  readonly acknowledged: number
  /** The newest checkpoint that was acknowledged: through which number its snapshot reaches. */
  readonly checkpointed: number
  /** Transactions of which the log refused a record. */
  readonly failed: ReadonlySet<string>
}

/** What a log tells of itself, opened again. */
export interface Found {
  readonly records: readonly FoundRecord[]
  /**
   * What its replay yields on top of the snapshot: each with the number at which it takes effect.
   * Undefined where that was not asked.
   */
  readonly units: readonly string[] | undefined
  readonly lastCheckpoint: number | undefined
  readonly snapshot: string | undefined
  /** Prepared transactions that wait; undefined where that was not asked. Sorted. */
  readonly inDoubt: readonly number[] | undefined
}

export interface FoundRecord {
  readonly seq: number
  readonly type: WalEntry['type']
  readonly transactionId: number | undefined
  /** Of a checkpoint: through which number it reaches, and where a replay begins. */
  readonly reach: { readonly through: number; readonly replayFrom: number } | undefined
  /** Without the transaction. */
  readonly content: string
  /** All of it but the number. */
  readonly text: string
}

export class LogModel {
  #facts: LogFacts
  readonly #witness: (facts: LogFacts) => void
  readonly #checkpointRetention: number

  constructor(witness: (facts: LogFacts) => void, checkpointRetention: number, facts: LogFacts = NOTHING) {
    this.#facts = facts
    this.#witness = witness
    this.#checkpointRetention = checkpointRetention
    witness(facts)
  }

  get facts(): LogFacts {
    return this.#facts
  }

  /** Something was handed over and got this number, which is not in use. */
  submit(seq: number, text: string): void {
    assert.ok(seq > this.#facts.acknowledged, `number ${seq} was acknowledged before, and is given out again`)
    const submitted = this.#facts.submitted.slice(0, seq)
    submitted[seq] = text
    this.#note({ submitted })
  }

  acknowledge(seq: number): void {
    this.#note({ acknowledged: Math.max(this.#facts.acknowledged, seq) })
  }

  /** The log vouches for it: it is on stable storage. */
  vouch(seq: number): void {
    this.acknowledge(seq)
    if (seq > this.#facts.durable) this.#note({ durable: seq })
  }

  /**
   * A record of this transaction was refused, nobody is told which: a checkpoint may have its
   * number by now.
   */
  fail(transactionId: number): void {
    if (!this.#facts.failed.has(`${transactionId}`))
      this.#note({ failed: new Set(this.#facts.failed).add(`${transactionId}`) })
  }

  checkpointed(through: number): void {
    this.#note({ checkpointed: through })
  }

  /**
   * What was handed over behind this number was refused as not logged: it must never be seen, and
   * its numbers are free again.
   */
  refuse(lastSeq: number): void {
    assert.ok(lastSeq >= this.#facts.acknowledged, `acknowledged ${this.#facts.acknowledged}, then refused`)
    this.#note({ submitted: this.#facts.submitted.slice(0, lastSeq + 1) })
  }

  /**
   * What a recovery brought back is the truth from now on; it vouches for what is there through
   * `durable`.
   */
  settle(found: Found, durable: number): void {
    const submitted = this.#facts.submitted.slice(0, (found.records.at(-1)?.seq ?? -1) + 1)
    for (const { seq, text } of found.records) submitted[seq] = text
    const last = found.records.at(-1)?.seq ?? -1
    this.#note({ submitted, durable, acknowledged: last, checkpointed: found.lastCheckpoint ?? -1 })
  }

  /**
   * Fails unless what was found is what was handed over, in order and whole, at least through
   * `through`.
   */
  check(found: Found, through: number): void {
    const { records } = found
    const first = records[0]?.seq ?? 0
    const last = records.at(-1)?.seq ?? -1
    assert.deepEqual(
      records.map(({ seq }) => seq),
      Array.from(records, (_, place) => first + place),
      'the numbers have a hole',
    )
    assert.ok(last >= through, `the log ends with record ${last}, but ${through} was acknowledged`)
    const own = records.findLastIndex(({ type }) => type !== 'abortTransaction') + first + 1
    for (const record of records) {
      // Where the log was cut, its opening goes on by aborting what was open.
      if (record.seq >= own && record.seq > through)
        assert.ok(isOpen(record, records), `${record.seq} aborts nothing`)
      else this.#checkRecord(record)
    }
    this.#checkCheckpoints(found, first)
    const units = unitsOf(records, found.lastCheckpoint ?? -1)
    if (found.units) assert.deepEqual(found.units, units, 'what takes effect is not what was written')
    if (found.inDoubt)
      assert.deepEqual(found.inDoubt, preparedIn(records).sort(), 'the transactions in doubt are others')
  }

  #checkRecord({ seq, type, text }: FoundRecord): void {
    const handedOver = this.#facts.submitted[seq]
    const isRefused = this.#facts.failed.has(handedOver?.split(' ', 1)[0] ?? '')
    const isOwn = type === 'checkpoint' && (isRefused || seq > this.#facts.acknowledged)
    const submitted = isOwn ? undefined : handedOver
    if (submitted !== undefined) assert.equal(text, submitted, `record ${seq} is not what was handed over`)
    else assert.equal(type, 'checkpoint', `record ${seq} was never handed over, or was refused: ${text}`)
  }

  #checkCheckpoints({ records, lastCheckpoint, snapshot }: Found, first: number): void {
    const reaches = records.flatMap(({ reach }) => reach ?? [])
    assert.equal(lastCheckpoint, reaches.at(-1)?.through, 'the newest checkpoint is not in use')
    const through = lastCheckpoint ?? -1
    assert.ok(through >= this.#facts.checkpointed, `checkpoint ${this.#facts.checkpointed} is lost`)
    if (lastCheckpoint !== undefined)
      assert.equal(snapshot, snapshotText(lastCheckpoint), 'it is another snapshot')
    for (const reach of reaches) {
      const needed = neededFrom(records, reach.through)
      assert.ok(reach.replayFrom <= needed, `a replay from ${reach.replayFrom} misses ${needed}`)
    }
    const kept = reaches.slice(-this.#checkpointRetention)
    const floor =
      kept.length < this.#checkpointRetention ? 0 : Math.min(...kept.map(({ replayFrom }) => replayFrom))
    assert.ok(
      first <= floor,
      `the log begins with record ${first}, but its checkpoints need it from ${floor} on`,
    )
  }

  #note(change: Partial<LogFacts>): void {
    this.#facts = { ...this.#facts, ...change }
    this.#witness(this.#facts)
  }
}

const NOTHING: LogFacts = {
  submitted: [],
  durable: -1,
  acknowledged: -1,
  checkpointed: -1,
  failed: new Set(),
}

/** What the snapshot through a number holds: of any size. */
export const snapshotText = (through: number): string => `${through} `.repeat(1 + ((through * 97) % 700))

/** A record as the model knows it. */
export function foundRecord({ seq, entry, transactionId }: WalRecord): FoundRecord {
  const content = contentText(entry)
  const reach =
    entry.type === 'checkpoint' ? { through: entry.sequenceNumber, replayFrom: entry.replayFrom } : undefined
  return { seq, type: entry.type, transactionId, reach, content, text: recordText(content, transactionId) }
}

export const recordText = (content: string, transactionId: number | undefined): string =>
  `${transactionId} ${content}`

/** Bytes stand for themselves by length and sum. */
export function contentText(entry: unknown): string {
  return JSON.stringify(entry, (_key, value) => {
    if (!ArrayBuffer.isView(value)) return value
    return `${value.byteLength} bytes, ${crc32(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}`
  })
}

/**
 * What takes effect behind `after`: single records at their place, a transaction's at its commit,
 * nothing of one that did not commit.
 */
function unitsOf(records: readonly FoundRecord[], after: number): string[] {
  const open = new Map<number, string[]>()
  const units: string[] = []
  const put = (seq: number, contents: readonly string[]): void => {
    if (seq > after) units.push(unitText(seq, contents))
  }
  for (const { seq, type, transactionId, content } of records) {
    if (type === 'beginTransaction') open.set(seq, [])
    else if (type === 'commitTransaction') put(seq, open.get(transactionId!) ?? [])
    else if (transactionId !== undefined && !type.endsWith('Transaction'))
      open.get(transactionId)?.push(content)
    else if (transactionId === undefined && type !== 'checkpoint') put(seq, [content])
  }
  return units
}

export const unitText = (seq: number, contents: readonly string[]): string =>
  `${seq}: ${contents.join(' + ')}`

/**
 * Where a replay on top of a snapshot must begin: with the oldest transaction that was open then
 * and committed later, or still can.
 */
function neededFrom(records: readonly FoundRecord[], through: number): number {
  const begins = records
    .filter(({ seq, type }) => type === 'beginTransaction' && seq <= through)
    .filter((begin) => {
      const end = endOf(begin.seq, records)
      return end === undefined
        ? preparedIn(records).includes(begin.seq)
        : end.type === 'commitTransaction' && end.seq > through
    })
  return Math.min(through + 1, ...begins.map(({ seq }) => seq))
}

const ENDS: ReadonlySet<string> = new Set(['commitTransaction', 'abortTransaction'])

const endOf = (id: number, records: readonly FoundRecord[]): FoundRecord | undefined =>
  records.find(({ type, transactionId }) => ENDS.has(type) && transactionId === id)

/** Whether an abort is the end of a transaction that had begun, and the only one. */
const isOpen = (abort: FoundRecord, records: readonly FoundRecord[]): boolean =>
  endOf(abort.transactionId!, records) === abort && abort.transactionId! < abort.seq

const preparedIn = (records: readonly FoundRecord[]): number[] =>
  records
    .filter(({ type, transactionId }) => type === 'prepareTransaction' && !endOf(transactionId!, records))
    .map(({ transactionId }) => transactionId!)
