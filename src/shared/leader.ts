import { nextTurn } from '../clock.ts'
import type { BatchMember, Origin } from '../entry.ts'
import { WalError } from '../errors.ts'
import { Fifo } from '../fifo.ts'
import type { Encodable } from '../format/encode.ts'
import { enveloped } from '../format/envelope.ts'
import type { CommittedUnit } from '../log/log.ts'
import type { OpenLog } from '../log/open.ts'
import type { Wal } from '../log/wal.ts'

/** A change that is to be logged, of this process or of another. */
export interface LeadRequest {
  readonly origin: Origin
  readonly isTransaction: boolean
  readonly payloads: readonly Encodable[]
  readonly entries: readonly BatchMember[]
  /** It was not logged, or nobody knows. */
  readonly refused: (error: WalError) => void
}

/** A record that has its place in the order, and waits for the disk. */
interface Submitted {
  readonly placed: Promise<number>
  readonly timestamp: number
  readonly transactionId?: number
}

interface UnderWay {
  readonly request: LeadRequest
  readonly unit: Pick<CommittedUnit, 'timestamp' | 'transactionId'>
  outcome: number | WalError | undefined
}

/**
 * Logs the changes of all processes that share a directory, in the order in which they come, and
 * has each applied here when it is acknowledged.
 */
export class Leader {
  readonly wal: Wal
  readonly #log: OpenLog
  readonly #apply: (unit: CommittedUnit) => void
  readonly #settled: (poison: WalError | undefined) => void
  readonly #underWay = new Fifo<UnderWay>()

  /** `settled` is called when some have their outcome, with why nothing more is taken, if so. */
  constructor(
    wal: Wal,
    apply: (unit: CommittedUnit) => void,
    settled: (poison: WalError | undefined) => void,
  ) {
    this.wal = wal
    this.#log = wal.writing
    this.#apply = apply
    this.#settled = settled
  }

  /** Everything before it is in the log, and was applied here. */
  get readableBefore(): number {
    return this.#log.writer.acknowledgedBefore
  }

  /** @throws WALV_BACKPRESSURE, WALV_CLOSED, WALV_POISONED at once; then nothing was logged */
  hand(request: LeadRequest): void {
    const { origin, payloads, isTransaction } = request
    const { placed, ...unit } = this.#submit(origin, payloads, isTransaction)
    const change: UnderWay = { request, unit, outcome: undefined }
    this.#underWay.push(change)
    placed.then(
      (seq) => this.#settle(change, seq),
      (error) => this.#settle(change, error),
    )
  }

  #submit(origin: Origin, payloads: readonly Encodable[], isTransaction: boolean): Submitted {
    const { writer, transactions } = this.#log
    if (!isTransaction) {
      const placed = writer.append(enveloped(payloads[0]!, undefined, origin))
      return { placed, timestamp: writer.lastTimestamp }
    }
    const transactionId = writer.nextSeq
    const placed = transactions.logWhole(payloads, origin)
    return { placed, timestamp: writer.lastTimestamp, transactionId }
  }

  /** Resolves when nothing of a process is under way any more. */
  async settled(isOf: (origin: Origin) => boolean): Promise<void> {
    while (this.#underWay.some(({ request }) => isOf(request.origin))) await nextTurn()
  }

  /** The order of the log is that in which they were handed over, also where one is told late. */
  #settle(change: UnderWay, outcome: number | WalError): void {
    change.outcome = outcome
    for (let first = this.#underWay.first; first?.outcome !== undefined; first = this.#underWay.first) {
      this.#underWay.shift()
      this.#tell(first, first.outcome)
    }
    this.#settled(this.#log.writer.poison)
  }

  #tell({ request, unit }: UnderWay, outcome: number | WalError): void {
    const { entries, origin, refused } = request
    if (typeof outcome === 'number') this.#apply({ ...unit, seq: outcome, entries, origin })
    else refused(outcome)
  }
}

export const isBackpressure = (error: unknown): boolean =>
  error instanceof WalError && error.code === 'WALV_BACKPRESSURE'
