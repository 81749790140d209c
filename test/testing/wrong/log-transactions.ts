import type { CommittedUnit, Transaction, WalRecord } from '../../../src/mod.ts'
import {
  altered,
  arranged,
  ignore,
  mapped,
  type ReadOptions,
  type ReplayOptions,
  Straight,
  type WrongLog,
} from './straight-log.ts'

/** What is wrong with how a log treats transactions. */
export const WRONG_TRANSACTIONS: Record<string, WrongLog> = {
  'applies a transaction at its begin': {
    caughtBy: 'a transaction takes effect whole, at the place of its commit',
    type: class extends Straight {
      override replay(options?: ReplayOptions): AsyncIterable<CommittedUnit> {
        const placeOf = ({ seq, transactionId }: CommittedUnit): number => transactionId ?? seq
        return arranged(super.replay(options), (units) => units.toSorted((a, b) => placeOf(a) - placeOf(b)))
      }
    },
  },
  'applies the entries of a transaction one by one': {
    caughtBy: 'a transaction takes effect whole, at the place of its commit',
    type: class extends Straight {
      override async *replay(options?: ReplayOptions): AsyncGenerator<CommittedUnit> {
        for await (const unit of super.replay(options))
          for (const entry of unit.entries) yield { ...unit, entries: [entry] }
      }
    },
  },
  'orders transactions by their begins': {
    caughtBy: 'transactions that overlap take effect in the order of their commits',
    type: class extends Straight {
      override replay(options?: ReplayOptions): AsyncIterable<CommittedUnit> {
        return arranged(super.replay(options), (units) => {
          const byBegin = units.filter(({ transactionId }) => transactionId !== undefined)
          byBegin.sort((a, b) => a.transactionId! - b.transactionId!)
          return units.map((unit) => (unit.transactionId === undefined ? unit : byBegin.shift()!))
        })
      }
    },
  },
  'commits what is aborted': {
    caughtBy: 'nothing of an aborted transaction takes effect',
    type: class extends Straight {
      override begin(): Transaction {
        const transaction = super.begin()
        return altered(transaction, { abort: () => transaction.commit().then(() => {}) })
      }
    },
  },
  'commits what is open when it closes': {
    caughtBy: 'a transaction that was never committed has no effect, before and after reopening',
    type: class extends Straight {
      readonly #transactions: Transaction[] = []
      override begin(): Transaction {
        const transaction = super.begin()
        this.#transactions.push(transaction)
        return transaction
      }
      override async close(): Promise<void> {
        for (const transaction of this.#transactions)
          if (transaction.state === 'open') await transaction.commit()
        await super.close()
      }
    },
  },
  'does not name the transaction of a record': {
    caughtBy: 'the records of a transaction stand where they were logged, and name it',
    type: class extends Straight {
      override read(options?: ReadOptions): AsyncIterable<WalRecord> {
        return mapped(super.read(options), ({ transactionId: _, ...record }) => record)
      }
    },
  },
  'inserts for an upsert': {
    caughtBy: 'insert, upsert, update, delete and append log what they say',
    type: class extends Straight {
      override begin(): Transaction {
        const transaction = super.begin()
        return altered(transaction, { upsert: transaction.insert.bind(transaction) })
      }
    },
  },
  'ends a transaction at what it refuses': {
    caughtBy: 'an entry that is refused is no part of its transaction, which goes on',
    type: class extends Straight {
      override begin(): Transaction {
        const transaction = super.begin()
        return altered(transaction, {
          insert: (...entry) => {
            try {
              transaction.insert(...entry)
            } catch (error) {
              transaction.abort().catch(() => {})
              throw error
            }
          },
        })
      }
    },
  },
  'does not say that a transaction has ended': {
    caughtBy: 'a transaction that has ended takes nothing more',
    type: class extends Straight {
      override begin(): Transaction {
        const transaction = super.begin()
        return altered(transaction, {
          abort: () => transaction.abort().catch(ignore('WALV_TRANSACTION_ENDED')),
        })
      }
    },
  },
  'goes on with what is prepared': {
    caughtBy: 'a prepared transaction takes no more entries, and waits for its commit or abort',
    type: class extends Straight {
      override begin(): Transaction {
        return altered(super.begin(), { prepare: async () => {} })
      }
    },
  },
  'aborts what is prepared when it closes': {
    caughtBy: 'a prepared transaction without a decision has no effect, and opening tells of it',
    type: class extends Straight {
      readonly #transactions: Transaction[] = []
      override begin(): Transaction {
        const transaction = super.begin()
        this.#transactions.push(transaction)
        return transaction
      }
      override async close(): Promise<void> {
        for (const transaction of this.#transactions)
          if (transaction.state === 'prepared') await transaction.abort()
        await super.close()
      }
    },
  },
  'reads no further back than it replays': {
    caughtBy: 'replay that reads from the begin of a transaction gives it whole, unless it committed earlier',
    type: class extends Straight {
      override replay({ from: _, ...options }: ReplayOptions = {}): AsyncIterable<CommittedUnit> {
        return super.replay(options)
      }
    },
  },
}
