import { setImmediate } from 'node:timers/promises'
import { type EntryInput, WalError, type WalRecord } from '../../../src/mod.ts'
import { mapped, type ReadOptions, Straight, type WrongLog } from './straight-log.ts'

/** What is wrong with how a log takes. */
export const WRONG_APPENDING: Record<string, WrongLog> = {
  'counts from 1': {
    caughtBy: 'a new log is empty',
    type: class extends Straight {
      override get lastSeq(): number {
        return super.lastSeq + 1
      }
    },
  },
  'lets some go first': {
    caughtBy: 'records are numbered from 0 without a hole, in the order in which they were handed over',
    type: class extends Straight {
      #count = 0
      override async append(entry: EntryInput): Promise<number> {
        if (this.#count++ % 5 === 3) await setImmediate()
        return super.append(entry)
      }
    },
  },
  'reuses a number': {
    caughtBy: 'records are numbered from 0 without a hole, in the order in which they were handed over',
    type: class extends Straight {
      override async append(entry: EntryInput): Promise<number> {
        const seq = await super.append(entry)
        return seq > 30 ? seq - 1 : seq
      }
    },
  },
  'answers before it has logged': {
    caughtBy: 'an entry can be read as soon as its append has resolved',
    type: class extends Straight {
      override async append(entry: EntryInput): Promise<number> {
        const seq = this.wal.lastSeq + 1
        this.wal.submit(entry).catch(() => {})
        return seq
      }
    },
  },
  'loses metadata': {
    caughtBy: 'entries of every kind are read as they were given, bit for bit',
    type: class extends Straight {
      override read(options?: ReadOptions): AsyncIterable<WalRecord> {
        return mapped(super.read(options), (record) =>
          record.entry.type === 'insert' ? { ...record, entry: { ...record.entry, metadata: null } } : record,
        )
      }
    },
  },
  'makes numbers of NaN': {
    caughtBy: 'entries of every kind are read as they were given, bit for bit',
    type: class extends Straight {
      override read(options?: ReadOptions): AsyncIterable<WalRecord> {
        return mapped(super.read(options), (record) => {
          if (record.entry.type === 'insert') {
            const { vector } = record.entry
            for (const [at, element] of vector.entries()) if (Number.isNaN(element)) vector[at] = 0
          }
          return record
        })
      }
    },
  },
  'takes no plain numbers': {
    caughtBy: 'numbers in the place of a Float32Array are rounded to float32',
    type: class extends Straight {
      override submit(entry: EntryInput): Promise<number> {
        if (entry?.type === 'insert' && Array.isArray(entry.vector))
          throw new WalError('WALV_INVALID_VECTOR', 'no numbers, please')
        return super.submit(entry)
      }
    },
  },
  'keeps what it was given': {
    caughtBy: 'what has been handed over may be changed by its owner',
    type: class extends Straight {
      override submit(entry: EntryInput): Promise<number> {
        return setImmediate().then(() => super.submit(entry))
      }
    },
  },
  'logs a batch entry by entry': {
    caughtBy: 'a batch is one record with all its entries in their order, and takes effect as one',
    type: class extends Straight {
      override async appendBatch(entries: readonly EntryInput[]): Promise<number> {
        const numbers = await Promise.all(entries.map((entry) => this.submit(entry)))
        return numbers[0]!
      }
    },
  },
  'drops the last of a batch': {
    caughtBy: 'a batch is one record with all its entries in their order, and takes effect as one',
    type: class extends Straight {
      override async appendBatch(entries: readonly EntryInput[]): Promise<number> {
        return super.appendBatch(entries.slice(0, -1))
      }
    },
  },
  'rejects where it had to throw': {
    caughtBy: 'what can be refused at once is thrown by submit, and leaves nothing behind',
    type: class extends Straight {
      override async submit(entry: EntryInput): Promise<number> {
        return super.submit(entry)
      }
    },
  },
  'gives a number to what it refuses': {
    caughtBy: 'what can be refused at once is thrown by submit, and leaves nothing behind',
    type: class extends Straight {
      override submit(entry: EntryInput): Promise<number> {
        try {
          return super.submit(entry)
        } catch (error) {
          super.submit({ type: 'custom', kind: 'refused', data: new Uint8Array(0) }).catch(() => {})
          throw error
        }
      }
    },
  },
  'does not tell when it has room': {
    caughtBy: 'drained resolves, whether something waits to be written or not',
    type: class extends Straight {
      override drained(): Promise<void> {
        return Promise.reject(new Error('ask somebody else'))
      }
    },
  },
  'throws where it had to reject': {
    caughtBy: 'append and appendBatch reject with what submit throws',
    type: class extends Straight {
      override append(entry: EntryInput): Promise<number> {
        return this.wal.submit(entry)
      }
    },
  },
}
