import type { CommittedUnit, WalRecord } from '../../../src/mod.ts'
import { arranged, type ReadOptions, type ReplayOptions, Straight, type WrongLog } from './straight-log.ts'

/** What is wrong with how a log reads. */
export const WRONG_READING: Record<string, WrongLog> = {
  'reads all of it': {
    caughtBy: 'read gives every record from a number on, in order and once',
    type: class extends Straight {
      override read(options: ReadOptions = {}): AsyncIterable<WalRecord> {
        return this.wal.read({ ...options, ...(options.from !== undefined && { from: 0 }) })
      }
    },
  },
  'replays out of order': {
    caughtBy: 'replay gives what takes effect behind a number, in order and once',
    type: class extends Straight {
      override replay(options?: ReplayOptions): AsyncIterable<CommittedUnit> {
        return arranged(super.replay(options), (units) => units.toReversed())
      }
    },
  },
  'replays what it was told is known': {
    caughtBy: 'replay gives what takes effect behind a number, in order and once',
    type: class extends Straight {
      override replay(options: ReplayOptions = {}): AsyncIterable<CommittedUnit> {
        return super.replay({
          ...options,
          ...(options.after !== undefined && { after: Math.max(-1, options.after - 1) }),
        })
      }
    },
  },
  'takes anything for a place': {
    caughtBy: 'a place that is no number in a log is refused',
    type: class extends Straight {
      override read(options: ReadOptions = {}): AsyncIterable<WalRecord> {
        return super.read(Number.isSafeInteger(options.from) && options.from! >= 0 ? options : {})
      }
    },
  },
  'reads on to what came meanwhile': {
    caughtBy: 'reading ends with what was there when it began',
    type: class extends Straight {
      override async *read(options: ReadOptions = {}): AsyncGenerator<WalRecord> {
        for (let from = options.from ?? 0, rounds = 0; rounds < 3; rounds++) {
          for await (const record of super.read({ ...options, from })) {
            from = record.seq + 1
            yield record
          }
        }
      }
    },
  },
  'has one reader': {
    caughtBy: 'several may read at once, each at its own pace',
    type: class extends Straight {
      #from = 0
      override async *read(options: ReadOptions = {}): AsyncGenerator<WalRecord> {
        this.#from = options.from ?? 0
        for await (const record of super.read(options)) {
          if (record.seq < this.#from) continue
          this.#from = record.seq
          yield record
        }
      }
    },
  },
  'is spoiled by who stops early': {
    caughtBy: 'who stops reading early leaves the log as it was',
    type: class extends Straight {
      override async *read(options?: ReadOptions): AsyncGenerator<WalRecord> {
        let finished = false
        try {
          yield* super.read(options)
          finished = true
        } finally {
          if (!finished) await this.wal.close()
        }
      }
    },
  },
  'does not hear of an abort': {
    caughtBy: 'reading ends when its signal is aborted',
    type: class extends Straight {
      override replay({ signal: _, ...options }: ReplayOptions = {}): AsyncIterable<CommittedUnit> {
        return super.replay(options)
      }
    },
  },
}
