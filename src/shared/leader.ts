import { nextTurn } from '../clock.ts'
import type { BatchMember, Origin } from '../entry.ts'
import { WalError } from '../errors.ts'
import { Fifo } from '../fifo.ts'
import type { Encodable } from '../format/encode.ts'
import { enveloped } from '../format/envelope.ts'
import type { CommittedUnit, LogWaiter } from '../log/log.ts'
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

/** A change that has its place in the order, and waits for the disk. */
class UnderWay implements LogWaiter {
  readonly request: LeadRequest
  timestamp = 0
  transactionId: number | undefined = undefined
  /** Its sequence number, or why it has none. */
  outcome: number | WalError | undefined = undefined
  readonly #answered: () => void

  constructor(request: LeadRequest, answered: () => void) {
    this.request = request
    this.#answered = answered
  }

  logged(seq: number): void {
    this.outcome = seq
    this.#answered()
  }

  refused(error: Error): void {
    this.outcome = error as WalError
    this.#answered()
  }
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
  #isAboutToSettle = false

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
    const { writer, transactions } = this.#log
    const change = new UnderWay(request, this.#answered)
    if (isTransaction) {
      change.transactionId = writer.nextSeq
      transactions.logWhole(payloads, origin).then(
        (seq) => change.logged(seq),
        (error) => change.refused(error),
      )
    } else writer.hand(enveloped(payloads[0]!, undefined, origin), change)
    change.timestamp = writer.lastTimestamp
    this.#underWay.push(change)
  }

  /** Resolves when nothing of a process is under way any more. */
  async settled(isOf: (origin: Origin) => boolean): Promise<void> {
    while (this.#underWay.some(({ request }) => isOf(request.origin))) await nextTurn()
  }

  /** All that the log answers for at once are applied at once, and told of once. */
  readonly #answered = (): void => {
    if (this.#isAboutToSettle) return
    this.#isAboutToSettle = true
    SOON.then(this.#settleAnswered)
  }

  /** The order of the log is that in which they were handed over, also where one is told late. */
  readonly #settleAnswered = (): void => {
    this.#isAboutToSettle = false
    for (let first = this.#underWay.first; first?.outcome !== undefined; first = this.#underWay.first) {
      this.#underWay.shift()
      this.#tell(first, first.outcome)
    }
    this.#settled(this.#log.writer.poison)
  }

  #tell({ request, timestamp, transactionId }: UnderWay, outcome: number | WalError): void {
    const { entries, origin, refused } = request
    if (typeof outcome !== 'number') refused(outcome)
    else if (transactionId === undefined) this.#apply({ seq: outcome, timestamp, entries, origin })
    else this.#apply({ seq: outcome, timestamp, entries, origin, transactionId })
  }
}

const SOON = Promise.resolve()

export const isBackpressure = (error: unknown): boolean =>
  error instanceof WalError && error.code === 'WALV_BACKPRESSURE'
