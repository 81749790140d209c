import type { WalError } from '../errors.ts'
import type { CommittedUnit } from '../log/log.ts'
import type { Wal } from '../log/wal.ts'
import type { OwnChanges } from '../submission/own-changes.ts'
import { isBackpressure, Leader } from './leader.ts'
import { submissionIn } from './messages.ts'
import { Server } from './server.ts'
import type { ShareSettings } from './share-options.ts'

/** Whom the lead is for. */
interface LeadOwner {
  apply(unit: CommittedUnit): void
  /** The log takes nothing any more. */
  lost(error: WalError): void
  /** There is one that prefers to lead. */
  yield(): void
  checkpoint(): Promise<unknown>
}

/** The time in which this process leads: it writes the log, for itself and for the members. */
export class Leading {
  readonly leader: Leader
  readonly #owner: LeadOwner
  readonly #own: OwnChanges
  readonly #settings: ShareSettings
  #server: Server | undefined
  /** The number of the last of the own changes that was logged again. */
  #handedOver = 0

  constructor(wal: Wal, own: OwnChanges, settings: ShareSettings, owner: LeadOwner) {
    this.#owner = owner
    this.#own = own
    this.#settings = settings
    this.leader = new Leader(wal, owner.apply, (poison) => {
      if (poison) owner.lost(poison)
      else this.#server?.tell()
    })
  }

  async listen(): Promise<void> {
    const { exchange, agreed } = this.#settings
    this.#server = await Server.listen(exchange, this.leader.wal.directory, {
      leader: this.leader,
      agreed,
      yield: () => this.#owner.yield(),
      checkpoint: () => this.#owner.checkpoint(),
    })
  }

  /**
   * Logs what this process handed over to the leader before, and what is not in the log. Answers
   * whether there was room for all of it.
   */
  takeOver(): boolean {
    for (const { number, message } of this.#own.waiting) {
      if (number <= this.#handedOver) continue
      const { isTransaction, payloads, entries } = submissionIn(message!)
      const refused = (error: WalError): void => this.#own.refused(number, error)
      const origin = this.#own.originOf(number)
      try {
        this.leader.hand({ origin, isTransaction, payloads, entries, refused })
      } catch (error) {
        if (isBackpressure(error)) return false
        this.#own.refused(number, error as Error)
      }
      this.#handedOver = number
    }
    return true
  }

  /** Takes nothing more of others. The log stays open. */
  async stop(isYielding: boolean): Promise<void> {
    await this.#server?.close(isYielding)
  }
}
