import { setImmediate } from 'node:timers/promises'
import type {
  CheckpointEntry,
  CheckpointRequest,
  CommittedUnit,
  EntryInput,
  LogStats,
  Transaction,
  Wal,
  WalRecord,
} from '../../../src/mod.ts'
import {
  altered,
  arranged,
  ignore,
  type Memory,
  mapped,
  type ReadOptions,
  type ReplayOptions,
  Straight,
  type WrongLog,
} from './straight-log.ts'

/** What is wrong with how a log opens and closes. */
export const WRONG_LIFETIME: Record<string, WrongLog> = {
  'loses the last record when it closes': {
    caughtBy: 'everything is found again after reopening, number for number',
    type: class extends Straight {
      override replay(options?: ReplayOptions): AsyncIterable<CommittedUnit> {
        return arranged(super.replay(options), (units) =>
          this.memory.opened > 1 ? units.slice(0, -1) : units,
        )
      }
    },
  },
  'tells figures of nothing': {
    caughtBy: 'an open log flushes, and tells its figures and its health',
    type: class extends Straight {
      override stats(): LogStats {
        return { ...super.stats(), lastSeq: -1 }
      }
    },
  },
  'counts anew when it opens': {
    caughtBy: 'numbers and times go on after reopening, and no number is used twice',
    type: class extends Straight {
      readonly #first: number
      constructor(wal: Wal, memory: Memory) {
        super(wal, memory)
        this.#first = wal.lastSeq + 1
      }
      override async append(entry: EntryInput): Promise<number> {
        return (await super.append(entry)) - this.#first
      }
    },
  },
  'sets its clock back when it opens': {
    caughtBy: 'numbers and times go on after reopening, and no number is used twice',
    type: class extends Straight {
      override read(options?: ReadOptions): AsyncIterable<WalRecord> {
        return mapped(super.read(options), (record) =>
          record.seq > 4 ? { ...record, timestamp: record.timestamp - 86_400_000 } : record,
        )
      }
    },
  },
  'logs that it was opened': {
    caughtBy: 'a log that was opened and closed without a record stays empty',
    type: class extends Straight {
      constructor(wal: Wal, memory: Memory) {
        super(wal, memory)
        if (memory.opened > 1)
          wal.submit({ type: 'custom', kind: 'opened', data: new Uint8Array(0) }).catch(() => {})
      }
    },
  },
  'drops what it has not begun when it closes': {
    caughtBy: 'closing waits for what was appended before it',
    type: class extends Straight {
      override async append(entry: EntryInput): Promise<number> {
        await setImmediate()
        return super.append(entry)
      }
    },
  },
  'drops a checkpoint when it closes': {
    caughtBy: 'closing waits for a checkpoint that is being taken',
    type: class extends Straight {
      override async checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
        await setImmediate()
        return super.checkpoint(request)
      }
    },
  },
  'does not like to be closed twice': {
    caughtBy: 'closing again is harmless',
    type: class extends Straight {
      #closed = false
      override async close(): Promise<void> {
        if (this.#closed) throw new Error('closed already')
        this.#closed = true
        await super.close()
      }
    },
  },
  'takes what it cannot log any more': {
    caughtBy: 'a closed log refuses everything, and says that nothing was logged',
    type: class extends Straight {
      override async append(entry: EntryInput): Promise<number> {
        return super.append(entry).catch((error) => {
          ignore('WALV_CLOSED')(error)
          return this.lastSeq
        })
      }
    },
  },
  'takes entries of a transaction when it is closed': {
    caughtBy: 'a transaction of a closed log takes nothing more, and has no effect',
    type: class extends Straight {
      override begin(): Transaction {
        const transaction = super.begin()
        return altered(transaction, {
          append: (entry) => {
            try {
              transaction.append(entry)
            } catch (error) {
              ignore('WALV_CLOSED')(error)
            }
          },
        })
      }
    },
  },
}
