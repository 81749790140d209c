/**
 * What can be done to a log, each with what the model makes of it; and what a log that is opened
 * again must say.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type BatchMember, type Transaction, Wal, type WalEntry, WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { bits } from '../support/entries.ts'
import { collect, refusal } from '../support/logs.ts'
import { countingClock, DIRECTORY } from '../support/simulated-log.ts'
import {
  acknowledge,
  checkpointsIn,
  comparable,
  type Effect,
  effectsOf,
  type Model,
  type ModelRecord,
  openIn,
} from './log-model.ts'

const CHECKPOINT_RETENTION = 2
/** Under a clock that counts its looks: a segment is followed by another after a few records. */
const SEGMENT_LOOKS = 25

export interface Real {
  disk: SimulatedDisk
  wal: Wal
  /** By number of their begin; those that wait for a decision too. */
  transactions: Map<number, Transaction>
}

type Command = fc.AsyncCommand<Model, Real>

/** Notes what was just handed over, at the place that the log must give it. */
function note({ records }: Model, { wal }: Real, entry: WalEntry, transactionId?: number): void {
  records.push({ entry, ...(transactionId !== undefined && { transactionId }) })
  assert.equal(wal.lastSeq, records.length - 1)
}

export const openWal = (disk: SimulatedDisk): Promise<Wal> =>
  Wal.open({
    directory: DIRECTORY,
    disk,
    clock: countingClock(),
    segmentMaxBytes: 64 * 1024,
    segmentMaxAgeMs: SEGMENT_LOOKS,
    checkpointRetention: CHECKPOINT_RETENTION,
  })

export class Append implements Command {
  readonly entries: readonly BatchMember[]
  readonly awaits: boolean

  constructor(entries: readonly BatchMember[], awaits: boolean) {
    this.entries = entries
    this.awaits = awaits
  }

  check = (): boolean => true

  async run(model: Model, real: Real): Promise<void> {
    const { records } = model
    const appends = this.entries.map((entry) => {
      const append = this.append(real.wal, entry)
      const seq = records.length
      note(model, real, entry)
      return append.then((found) => {
        assert.equal(found, seq)
        // Of a process that is gone nobody hears any more.
        if (model.records === records) acknowledge(model, seq)
      })
    })
    if (this.awaits) await Promise.all(appends)
    else
      for (const append of appends)
        append.catch((error) => error instanceof WalError || model.trouble.push(error))
  }

  protected append(wal: Wal, entry: BatchMember): Promise<number> {
    return wal.append(entry)
  }

  toString(): string {
    return `append(${fc.stringify(this.entries)}${this.awaits ? '' : ', unawaited'})`
  }
}

export class Batch extends Append {
  constructor(entries: readonly BatchMember[]) {
    super([{ type: 'batch', entries }], true)
  }

  protected override append(wal: Wal, entry: BatchMember): Promise<number> {
    return wal.appendBatch(entry.type === 'batch' ? entry.entries : [entry])
  }
}

export class Begin implements Command {
  check = (): boolean => true

  async run(model: Model, real: Real): Promise<void> {
    const transaction = real.wal.begin()
    assert.equal(transaction.id, model.records.length)
    note(model, real, { type: 'beginTransaction' }, transaction.id)
    real.transactions.set(transaction.id, transaction)
  }

  toString = (): string => 'begin'
}

/** Something is done to one of the transactions that are in a state for it. */
abstract class ToTransaction implements Command {
  readonly which: number
  readonly needs: readonly string[]

  constructor(which: number, needs: readonly string[]) {
    this.which = which
    this.needs = needs
  }

  check = ({ records }: Model): boolean => this.#usable(records).length > 0

  #usable(records: readonly ModelRecord[]): number[] {
    return [...openIn(records)].filter(([, state]) => this.needs.includes(state)).map(([id]) => id)
  }

  async run(model: Model, real: Real): Promise<void> {
    const usable = this.#usable(model.records)
    const transaction = real.transactions.get(usable[this.which % usable.length]!)
    assert.ok(transaction, 'a transaction that is open in the log has a handle')
    await this.change(transaction, model, real)
  }

  protected abstract change(transaction: Transaction, model: Model, real: Real): Promise<void>
}

export class Add extends ToTransaction {
  readonly entry: BatchMember

  constructor(which: number, entry: BatchMember) {
    super(which, ['open'])
    this.entry = entry
  }

  protected override async change(transaction: Transaction, model: Model, real: Real): Promise<void> {
    transaction.append(this.entry)
    note(model, real, this.entry, transaction.id)
  }

  override toString = (): string => `add(${this.which}, ${fc.stringify(this.entry)})`
}

export class End extends ToTransaction {
  readonly how: 'prepare' | 'commit' | 'abort'

  constructor(which: number, how: 'prepare' | 'commit' | 'abort') {
    super(which, how === 'prepare' ? ['open'] : ['open', 'prepared'])
    this.how = how
  }

  protected override async change(transaction: Transaction, model: Model, real: Real): Promise<void> {
    const done = transaction[this.how]()
    note(model, real, { type: `${this.how}Transaction` }, transaction.id)
    const seq = model.records.length - 1
    await done
    acknowledge(model, seq)
  }

  override toString = (): string => `${this.how}(${this.which})`
}

export class Checkpoint implements Command {
  readonly back: number

  constructor(back: number) {
    this.back = back
  }

  check = (model: Model): boolean =>
    this.#reach(model) > (checkpointsIn(model.records).at(-1)?.sequenceNumber ?? -1)

  #reach({ records, openedAt }: Model): number {
    return Math.max(records.length - 1 - this.back, openedAt - 1)
  }

  async run(model: Model, real: Real): Promise<void> {
    const seq = this.#reach(model)
    await real.wal.flush()
    acknowledge(model, model.records.length - 1)
    const entry = await real.wal.checkpoint({
      seq,
      snapshot: (files) => files.write('state', [Buffer.from(`through ${seq}`)]).then(() => ({ seq })),
    })
    assert.equal(entry.sequenceNumber, seq)
    note(model, real, entry)
    acknowledge(model, model.records.length - 1)
  }

  toString = (): string => `checkpoint(${this.back} back)`
}

/** What this process sees of its own log. */
export class Look implements Command {
  readonly part: number

  constructor(part: number) {
    this.part = part
  }

  check = (): boolean => true

  async run(model: Model, { wal }: Real): Promise<void> {
    // More may be acknowledged while reading.
    const { records, acknowledged } = model
    const { firstSeq, lastSeq, durableSeq, openTransactions, checkpoints, poisoned } = wal.stats()
    assert.deepEqual([lastSeq, poisoned], [records.length - 1, false])
    assert.equal(openTransactions, openIn(records).size)
    assert.ok(durableSeq >= acknowledged - 1 && durableSeq <= lastSeq)
    assert.equal(checkpoints, Math.min(CHECKPOINT_RETENTION, checkpointsIn(records).length))
    const needed = checkpointsIn(records).slice(-CHECKPOINT_RETENTION)[0]?.replayFrom ?? 0
    assert.ok(firstSeq <= needed, `the log begins with ${firstSeq}, and a checkpoint needs ${needed}`)
    const from = firstSeq + Math.floor(this.part * (acknowledged - firstSeq))
    const found = await collect(wal.read({ from }))
    assert.ok(from + found.length >= acknowledged)
    assert.deepEqual(found.map(comparable), records.slice(from, from + found.length).map(comparable))
    assert.deepEqual(
      found.map(({ seq }) => seq),
      found.map((_, index) => from + index),
    )
    if (firstSeq > 0) assert.throws(() => wal.read({ from: firstSeq - 1 }), refusal('WALV_SEQUENCE_TRIMMED'))
  }

  toString = (): string => `look(from ${this.part})`
}

/** Closes the log in order, kills its process, or cuts the power; then opens what is there. */
export class Reopen implements Command {
  readonly how: 'close' | 'kill' | 'power cut'
  readonly seed: number

  constructor(how: 'close' | 'kill' | 'power cut', seed: number) {
    this.how = how
    this.seed = seed
  }

  check = (): boolean => true

  async run(model: Model, real: Real): Promise<void> {
    if (this.how === 'close') {
      await real.wal.close()
      acknowledge(model, model.records.length - 1)
    } else {
      const left = this.how === 'kill' ? real.disk.kill() : real.disk.crash({ seed: this.seed })
      real.disk.stop()
      await real.wal.close().catch(() => {})
      real.disk = left
    }
    real.wal = await openWal(real.disk)
    await recovered(model, real)
  }

  toString = (): string => (this.how === 'power cut' ? `power cut(${this.seed})` : this.how)
}

/**
 * Takes over what was found, if it may be: a prefix of what was handed over, with all that was
 * acknowledged.
 */
async function recovered(model: Model, real: Real): Promise<void> {
  const { wal } = real
  const { lastSeq, damage } = wal.recovery
  assert.deepEqual(model.trouble, [])
  assert.ok(
    lastSeq + 1 >= model.acknowledged,
    `${model.acknowledged} were acknowledged, ${lastSeq + 1} came back`,
  )
  assert.ok(lastSeq < model.records.length, 'nothing is there that was not submitted')
  for (const { kind } of damage) assert.equal(kind, 'torn-tail')
  model.records = model.records.slice(0, lastSeq + 1)
  model.openedAt = lastSeq + 1
  for (const [id, state] of openIn(model.records)) {
    if (state === 'open') model.records.push({ entry: { type: 'abortTransaction' }, transactionId: id })
  }
  real.transactions = new Map(wal.inDoubt.map((transaction) => [transaction.id, transaction]))
  await wal.flush()
  acknowledge(model, model.records.length - 1)
  await checkAll(model, real)
}

async function checkAll({ records }: Model, { wal }: Real): Promise<void> {
  const found = await collect(wal.read())
  const first = found[0]?.seq ?? records.length
  assert.equal(first + found.length, records.length)
  assert.deepEqual(found.map(comparable), records.slice(first).map(comparable))
  const times = found.map(({ timestamp }) => timestamp)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  const checkpoints = checkpointsIn(records)
  const newest = checkpoints.at(-1)
  assert.deepEqual(wal.lastCheckpoint, newest)
  const state = wal.snapshot ? Buffer.concat(await collect(wal.snapshot.read('state'))).toString() : undefined
  assert.equal(state, newest && `through ${newest.sequenceNumber}`)
  const effects = effectsOf(records)
  if (first === 0) await checkReplay(wal, effects, -1, 0)
  for (const { sequenceNumber, replayFrom } of checkpoints) {
    if (replayFrom >= first) await checkReplay(wal, effects, sequenceNumber, replayFrom)
  }
}

async function checkReplay(wal: Wal, effects: readonly Effect[], after: number, from: number): Promise<void> {
  const units = await collect(wal.replay({ after, from }))
  assert.deepEqual(
    units.map(({ seq, entries }) => ({ seq, entries: entries.map(bits) })),
    effects.filter(({ seq }) => seq > after),
  )
}
