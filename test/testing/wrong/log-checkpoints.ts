import type { CheckpointEntry, CheckpointRequest, CommittedUnit, WalRecord } from '../../../src/mod.ts'
import {
  ignore,
  mapped,
  type ReadOptions,
  type ReplayOptions,
  Straight,
  type WrongLog,
} from './straight-log.ts'

/** What is wrong with how a log treats checkpoints. */
export const WRONG_CHECKPOINTS: Record<string, WrongLog> = {
  'forgets its checkpoints when it closes': {
    caughtBy: 'a checkpoint is found with its snapshot, also after reopening',
    type: class extends Straight {
      override get lastCheckpoint(): CheckpointEntry | undefined {
        return this.memory.opened > 1 ? undefined : super.lastCheckpoint
      }
    },
  },
  'writes no empty files': {
    caughtBy: 'a snapshot may have several files of any size, and any JSON to go with it',
    type: class extends Straight {
      override checkpoint({ seq, snapshot }: CheckpointRequest): Promise<CheckpointEntry> {
        return super.checkpoint({
          seq,
          snapshot: (target) =>
            snapshot({
              path: (name) => target.path(name),
              write: async (name, pieces) => {
                if (!Array.isArray(pieces) || pieces.length > 0) await target.write(name, pieces)
              },
            }),
        })
      }
    },
  },
  'asks for a snapshot twice': {
    caughtBy: 'a snapshot is asked for once, and the log is appended to while it is written',
    type: class extends Straight {
      override async checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
        await request.snapshot({ write: async () => {}, path: (name) => name })
        return super.checkpoint(request)
      }
    },
  },
  'replays from the checkpoint on': {
    caughtBy: 'replay behind a checkpoint gives whole transactions, also those that began before it',
    type: class extends Straight {
      override replay(options: ReplayOptions = {}): AsyncIterable<CommittedUnit> {
        const { after } = options
        return super.replay({
          ...options,
          ...(after !== undefined && options.from === undefined && { from: after + 1 }),
        })
      }
    },
  },
  'takes a snapshot that failed': {
    caughtBy: 'a snapshot that fails leaves the checkpoint before as it was',
    type: class extends Straight {
      override checkpoint({ seq, snapshot }: CheckpointRequest): Promise<CheckpointEntry> {
        return super.checkpoint({ seq, snapshot: (target) => snapshot(target).catch(() => null) })
      }
    },
  },
  'passes over a checkpoint that it does not take': {
    caughtBy: 'a checkpoint of what is not in the log, or behind the last, is refused',
    type: class extends Straight {
      override checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
        return super.checkpoint(request).catch((error) => {
          ignore('WALV_CHECKPOINT')(error)
          return this.lastCheckpoint!
        })
      }
    },
  },
  'keeps to its first checkpoint': {
    caughtBy: 'of many checkpoints the newest counts, and what is kept of the log has no hole',
    type: class extends Straight {
      override get lastCheckpoint(): CheckpointEntry | undefined {
        this.memory.firstCheckpoint ??= super.lastCheckpoint
        return this.memory.firstCheckpoint
      }
    },
  },
  'has a hole behind a checkpoint': {
    caughtBy: 'of many checkpoints the newest counts, and what is kept of the log has no hole',
    type: class extends Straight {
      override read(options?: ReadOptions): AsyncIterable<WalRecord> {
        const { lastCheckpoint } = this
        return mapped(super.read(options), (record) =>
          record.seq - 1 === lastCheckpoint?.sequenceNumber ? undefined : record,
        )
      }
    },
  },
}
