import { ioError } from '../disk/io-error.ts'
import type { SnapshotStore } from './checkpoint/snapshot-store.ts'
import { FollowingState } from './following-state.ts'
import type { RecoveryReport } from './log.ts'
import { openForWriting, type SharedOpening } from './open.ts'
import type { WalSettings } from './options.ts'
import { recover, refuseAborted } from './recover/recover.ts'
import { FoundState, type WalState, WritingState } from './wal-state.ts'

/** Recovers a log, and makes of it what is asked for: only read, followed, or written. */
export async function openState(
  settings: WalSettings,
  snapshots: SnapshotStore,
  shared: SharedOpening,
): Promise<{ readonly report: RecoveryReport; readonly state: WalState }> {
  const { directory, signal } = settings
  try {
    signal?.throwIfAborted()
    if (settings.readOnly) {
      const found = await recover(settings, snapshots)
      const state = settings.follow
        ? await FollowingState.start(settings, found)
        : new FoundState(found, directory)
      return { report: found.report, state }
    }
    const { recovered, writing } = await openForWriting(settings, snapshots, shared)
    return { report: recovered.report, state: new WritingState(writing, directory) }
  } catch (error) {
    refuseAborted(error, signal)
    throw ioError(error, `The log in ${directory} cannot be opened; nothing that it held is lost`, directory)
  }
}
