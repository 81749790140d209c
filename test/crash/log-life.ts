/**
 * The lives of one log: it is opened, closed, killed, poisoned and opened again, and what must hold
 * across that.
 */
import assert from 'node:assert/strict'
import { type Wal, WalError, type WalErrorCode } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { LogModel } from './log-model.ts'
import { LogSession, type LogSettings, look, openLog } from './log-session.ts'
import { Process } from './process.ts'
import type { Trouble } from './trouble.ts'
import { rest } from './virtual-time.ts'

/** It may be full, and then fail in another way, and then there is nothing more to go wrong. */
const MAX_TRIES = 3

export class LogLife {
  readonly disk: SimulatedDisk
  readonly model: LogModel
  readonly settings: LogSettings
  readonly trouble: Trouble
  process!: Process
  session!: LogSession
  /** Refusals that are in order now, beside those of a disk that fails. */
  readonly expected: Set<WalErrorCode> = new Set()

  constructor(disk: SimulatedDisk, model: LogModel, settings: LogSettings, trouble: Trouble) {
    this.disk = disk
    this.model = model
    this.settings = settings
    this.trouble = trouble
  }

  get wal(): Wal {
    return this.session.wal
  }

  /**
   * What a recovery brings back holds from then on. Where the disk fails meanwhile, another try
   * must do.
   */
  async open(): Promise<void> {
    for (let tries = MAX_TRIES; ; tries--) {
      this.process = new Process(this.disk)
      try {
        const wal = await openLog(this.process, this.settings)
        if (this.trouble.mayFail && wal.recovery.damage.some(({ kind }) => kind === 'unreadable')) {
          // The newest snapshot could not be read just now, and an older one is in use: at another
          // try it can.
          this.trouble.calm()
          await wal.close()
          continue
        }
        const found = await look(wal)
        this.model.check(found, this.model.facts.acknowledged)
        this.model.settle(found, wal.durableSeq)
        this.session = new LogSession(wal, this.model, this.settings, (error) => this.#mayFail(error))
        this.trouble.calm()
        return
      } catch (error) {
        if (tries === 1 || !this.trouble.mayFail || !(error instanceof WalError)) throw error
        this.trouble.calm()
        this.trouble.makeSpace(this.disk)
        await this.process.kill()
      }
    }
  }

  #mayFail({ code }: WalError): boolean {
    return this.trouble.mayFail || this.expected.has(code)
  }

  async reopen(): Promise<void> {
    await this.session.bear(() => this.wal.close())
    await this.open()
  }

  /** The process dies. Everything acknowledged is found again. */
  async die(): Promise<void> {
    await this.process.kill()
    await this.open()
  }

  /** A poisoned log takes nothing more, ever; any other is whole and goes on. */
  async checkAfterTrouble(): Promise<void> {
    if (!this.trouble.mayFail) return
    // What failed while nobody was waiting for it has not reached the log's own ears yet.
    await rest()
    const { wal } = this.session
    if (wal.stats().poisoned) {
      assert.ok(!this.trouble.isFull, 'a full disk poisoned the log')
      for (let times = 0; times < 2; times++) {
        await assert.rejects(wal.append({ type: 'delete', id: 'refused' }), {
          code: 'WALV_POISONED',
          fate: 'not-logged',
        })
      }
      await this.reopen()
    } else if (this.trouble.isFull) {
      // What was about to fail may do so only now.
      await this.session.bear(async () => {
        for await (const _ of wal.read());
      })
    }
    if (this.trouble.isHidden) await this.reopen()
    this.trouble.calm()
  }
}
