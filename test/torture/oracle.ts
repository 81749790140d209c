/**
 * What a log and its index must hold, told without a look at the engine: from the stream of steps,
 * and from what was found and acknowledged before.
 */
import assert from 'node:assert/strict'
import { type DurableIndex, indexIdentity, type WalRecord } from '../../src/mod.ts'
import { State } from './state.ts'
import type { Change, Step } from './stream.ts'
import { stepText, textOf } from './text.ts'
import type { Told } from './told.ts'

/** What a directory is found to hold. */
export interface Found {
  readonly firstSeq: number
  readonly records: readonly WalRecord[]
  /** Of the index. */
  readonly fingerprint: string
}

/**
 * Changes that took effect together; places are undefined if they were retired before anybody saw
 * them.
 */
interface Effect {
  /** The same as `seq`, but for a transaction. */
  readonly begin: number | undefined
  readonly seq: number | undefined
  readonly changes: readonly Change[]
}

interface Transaction {
  begin: number | undefined
  readonly changes: Change[]
}

export class Oracle {
  /**
   * Each record as text by its sequence number. What was found once is there for ever, until it is
   * retired. Undefined if it was retired before anybody saw it.
   */
  readonly records: (string | undefined)[]
  readonly #effects: Effect[]
  readonly #state: State
  /** Transactions of processes before, which nobody has ended. */
  readonly #left: Set<number>

  constructor(from?: Oracle) {
    this.records = from ? [...from.records] : []
    this.#effects = from ? [...from.#effects] : []
    this.#state = from ? from.#state.copy() : new State()
    this.#left = new Set(from ? from.#left : [])
  }

  get fingerprint(): string {
    return this.#state.fingerprint
  }

  /**
   * Checks what is found after a kill: all that was there before, unchanged, and behind it the
   * beginning of `stream`, at least as long as what was acknowledged. Returns what must be there
   * from now on, and how many steps were found.
   */
  next(
    found: Found,
    stream: Iterator<Step>,
    told: Told,
  ): { readonly oracle: Oracle; readonly steps: number } {
    this.#checkKnown(found)
    const hidden = Math.max(0, found.firstSeq - this.records.length)
    const fresh = found.records.filter(({ seq }) => seq >= this.records.length)
    const steps = take(stream, hidden + fresh.length)
    // Of the records that were retired unseen it is not known how many were steps. But one number
    // explains everything.
    const mostOthers = this.#left.size + (told.begun.get('checkpoint') ?? 0)
    let problem: unknown
    for (let count = hidden; count >= Math.max(0, hidden - mostOthers); count--) {
      try {
        return new Oracle(this).#follow(found, fresh, steps, count, told)
      } catch (error) {
        problem ??= error
      }
    }
    throw problem
  }

  #checkKnown({ firstSeq, records }: Found): void {
    const end = firstSeq + records.length
    assert.ok(end >= this.records.length, `the log ends at ${end} and has ended at ${this.records.length}`)
    for (const [index, record] of records.entries()) {
      assert.equal(record.seq, firstSeq + index, 'sequence numbers have a hole')
      const known = this.records[record.seq]
      if (known !== undefined) assert.equal(textOf(record), known, `record ${record.seq} has changed`)
    }
  }

  /** Takes fresh records in, where `hidden` steps came before them that nobody saw. */
  #follow(
    found: Found,
    fresh: readonly WalRecord[],
    steps: readonly Step[],
    hidden: number,
    told: Told,
  ): { readonly oracle: Oracle; readonly steps: number } {
    const slots = new Map<number, Transaction>()
    const seqs: (number | undefined)[] = []
    const perform = (step: Step, seq: number | undefined): void => {
      seqs.push(seq)
      this.#perform(step, seq, slots)
    }
    for (const step of steps.slice(0, hidden)) perform(step, undefined)
    if (found.firstSeq > this.records.length) this.#left.clear()
    this.records.length = Math.max(this.records.length, found.firstSeq)
    for (const record of fresh) {
      this.records.push(textOf(record))
      if (this.#isEngines(record, told)) continue
      assert.equal(
        this.#left.size,
        0,
        'the log goes on, and transactions that were open at the kill are not aborted',
      )
      const step = steps[seqs.length]
      assert.ok(step, `record ${record.seq} was never submitted: ${textOf(record)}`)
      const transaction = transactionOf(step, slots, record)
      assert.equal(
        textOf(record),
        stepText(step, transaction),
        `record ${record.seq} is not what was submitted`,
      )
      perform(step, record.seq)
    }
    for (const { begin } of slots.values()) {
      assert.ok(begin !== undefined, 'the begin of an open transaction was retired')
      this.#left.add(begin)
    }
    checkAcknowledged(told, seqs)
    assert.equal(found.fingerprint, this.fingerprint, 'the fingerprint')
    return { oracle: this, steps: seqs.length }
  }

  /**
   * Whether a record is not of a step, but says what vectors the log holds, or is a checkpoint's,
   * or the abort of a transaction that a killed process left.
   */
  #isEngines({ entry, transactionId }: WalRecord, told: Told): boolean {
    if (indexIdentity(entry)) return true
    if (entry.type === 'checkpoint') return told.begun.has('checkpoint')
    return entry.type === 'abortTransaction' && this.#left.delete(transactionId!)
  }

  #perform(step: Step, seq: number | undefined, slots: Map<number, Transaction>): void {
    if (step.do === 'begin') slots.set(step.slot, { begin: seq, changes: [] })
    else if (step.do === 'add') slots.get(step.slot)!.changes.push(step.change)
    else if (step.do === 'end') {
      const { begin, changes } = slots.get(step.slot)!
      if (step.commits) this.#takeEffect({ begin, seq, changes })
      slots.delete(step.slot)
    } else this.#takeEffect({ begin: seq, seq, changes: step.do === 'batch' ? step.changes : [step.change] })
  }

  #takeEffect(effect: Effect): void {
    this.#effects.push(effect)
    this.#state.apply(effect.changes)
  }

  /** Checks that an index holds exactly what has taken effect. */
  checkIndex(index: DurableIndex): void {
    this.#state.check(index)
  }

  /**
   * The same, where certain records are lost, as far as no snapshot through `snapshotSeq` holds
   * them. A transaction that was open at a lost record has no effect: the record may have been its
   * own.
   */
  checkIndexWithout(lost: ReadonlySet<number>, snapshotSeq: number, index: DurableIndex): void {
    const state = new State()
    for (const { begin = -1, seq = -1, changes } of this.#effects) {
      const isHit = [...lost].some((each) => begin <= each && each <= seq)
      if (seq <= snapshotSeq || !isHit) state.apply(changes)
    }
    state.check(index)
  }
}

function take(stream: Iterator<Step>, count: number): Step[] {
  const steps: Step[] = []
  for (let each = stream.next(); !each.done && steps.length < count; each = stream.next())
    steps.push(each.value)
  return steps
}

/**
 * The transaction that the record of a step must name. Where its begin was never seen, the record
 * tells.
 */
function transactionOf(step: Step, slots: Map<number, Transaction>, record: WalRecord): number | undefined {
  if (step.do === 'begin') return record.seq
  const transaction = 'slot' in step ? slots.get(step.slot) : undefined
  if (transaction) transaction.begin ??= record.transactionId
  return transaction?.begin
}

function checkAcknowledged({ acknowledged }: Told, seqs: readonly (number | undefined)[]): void {
  for (const { step, seq } of acknowledged) {
    assert.ok(step < seqs.length, `step ${step} was acknowledged and is lost: ${seqs.length} are there`)
    const found = seqs[step]
    if (seq !== undefined && found !== undefined) assert.equal(found, seq, `the number told for step ${step}`)
  }
}
