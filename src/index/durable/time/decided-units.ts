import type { BatchMember, CheckpointEntry } from '../../../entry.ts'
import { conditionEntry, conditionIn } from '../../../format/condition.ts'
import type { CommittedUnit, ReplayOptions, Snapshot } from '../../../log/log.ts'
import { IdLedger } from '../id-ledger.ts'
import { partsOf } from '../unit.ts'

/** Where units come from. */
export interface UnitSource {
  /** Reads once more from where the units begin. */
  replay(options: ReplayOptions): AsyncIterable<CommittedUnit>
  /** What was there before them; undefined if nothing was. */
  readonly base: { readonly checkpoint: CheckpointEntry; readonly snapshot: Snapshot } | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Makes units that take effect anywhere what they were where they are from: in another log they
 * have other numbers, so that what a condition was to decide has to be decided before. Nothing is
 * read for that until the first condition is met.
 */
export class DecidedUnits {
  readonly #source: UnitSource
  #ledger: IdLedger | undefined

  constructor(source: UnitSource) {
    this.#source = source
  }

  /**
   * The entries of the next unit, without what it expects of ids; undefined if it had no effect. An
   * idempotency key stays.
   */
  async next(unit: CommittedUnit): Promise<readonly BatchMember[] | undefined> {
    const { conditions } = partsOf(unit.entries)
    if (conditions.length > 0) this.#ledger ??= await this.#ledgerBefore(unit.seq)
    if (this.#ledger && !this.#ledger.take(unit)) return undefined
    return conditions.length > 0 ? withoutExpectations(unit.entries) : unit.entries
  }

  async #ledgerBefore(seq: number): Promise<IdLedger> {
    const { base, signal } = this.#source
    const ledger = new IdLedger()
    if (base) await ledger.load(base.snapshot, base.checkpoint.sequenceNumber)
    const after = base?.checkpoint.sequenceNumber
    const place = { after, from: base?.checkpoint.replayFrom }
    for await (const unit of this.#source.replay({ ...place, borrow: true, signal })) {
      if (unit.seq >= seq) break
      ledger.take(unit)
    }
    return ledger
  }
}

function withoutExpectations(entries: readonly BatchMember[]): BatchMember[] {
  return entries.flatMap((entry): BatchMember[] => {
    if (entry.type === 'batch') return [{ type: 'batch', entries: withoutExpectations(entry.entries) }]
    const condition = conditionIn(entry)
    if (condition === undefined) return [entry]
    return condition.key ? [conditionEntry({ expects: [], key: condition.key })] : []
  })
}
