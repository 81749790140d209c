import type { BatchMember } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { WalOptions } from '../log/options.ts'
import type { RecoveryReport } from '../log/recovery.ts'
import type { Snapshot, SnapshotTrial } from '../log/snapshot-store.ts'
import { Wal } from '../log/wal.ts'
import { IndexState } from './index-state.ts'
import { cannotLoad, contentProblem, isProvable, savedIndex } from './snapshot-proof.ts'
import type { VectorIndex } from './vector-index.ts'

/** What opening found, replayed and loaded. */
export interface IndexRecoveryReport extends RecoveryReport {
  /** Changes (batches and transactions count once) applied on top of the snapshot, or on nothing. */
  readonly replayed: number
  /** Changes that their own conditions kept from taking effect. */
  readonly voided: number
  /** Vectors that came from the snapshot. */
  readonly fromSnapshot: number
}

export interface Restored {
  readonly log: Wal
  readonly state: IndexState
  readonly recovery: IndexRecoveryReport
}

/** How often to begin again beside a live writer, which may let go of what was found a moment ago. */
const READ_ONLY_TRIES = 20

const wasRetired = ({ code, cause }: WalError): boolean =>
  code === 'WALV_SEQUENCE_TRIMMED' || (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'

/** Opens a log and fills an empty index with what it holds. If that fails, the index is empty again where it can be. */
export async function openRestored(options: WalOptions, index: VectorIndex): Promise<Restored> {
  for (let tries = options.readOnly ? READ_ONLY_TRIES : 1; ; tries--) {
    const loading = new SnapshotLoading(index)
    try {
      return await openOnce(options, loading)
    } catch (error) {
      const isEmpty = loading.state.empty()
      if (tries === 1 || !isEmpty || !wasRetired(error as WalError)) throw error
    }
  }
}

async function openOnce(options: WalOptions, loading: SnapshotLoading): Promise<Restored> {
  const log = await Wal.openTrying(options, loading.trial)
  try {
    // Of a log that was looked at twice, the first look may have found a snapshot that is gone.
    if (!log.snapshot) loading.begin()
    const { state } = loading
    return { log, state, recovery: await restore(log, state, options.signal) }
  } catch (error) {
    // What failed is what is told.
    await log.close().catch(() => {})
    throw error
  }
}

/** Loads snapshots into an index until one is right. Which one it is to be, the log decides. */
class SnapshotLoading {
  readonly #index: VectorIndex
  state: IndexState

  constructor(index: VectorIndex) {
    this.#index = index
    this.state = new IndexState(index)
  }

  readonly trial: SnapshotTrial = async (snapshot) => {
    this.begin()
    try {
      await this.state.load(snapshot, snapshot.reference.info)
      return true
    } catch (error) {
      const problem = await problemOf(snapshot, error as WalError)
      if (problem === undefined || !this.state.empty()) throw error
      return { problem }
    }
  }

  /** With nothing. */
  begin(): void {
    if (!this.state.empty())
      throw new WalError(
        'WALV_INVALID_OPTION',
        'The option index must be an index that can be emptied: one that was loaded in vain has vectors left.',
      )
    this.state = new IndexState(this.#index)
  }
}

/** What is wrong with a snapshot that could not be loaded; undefined if that is not the snapshot's fault. */
async function problemOf(snapshot: Snapshot, error: WalError): Promise<string | undefined> {
  if (error.code !== 'WALV_DAMAGED' && error.code !== 'WALV_INDEX_MISMATCH') return undefined
  if (isProvable(snapshot)) return contentProblem(snapshot, savedIndex(snapshot.reference.info)!)
  // Of somebody's own index: it says by the code whether its options are at fault.
  return error.code === 'WALV_DAMAGED' ? cannotLoad((error.cause ?? error) as Error) : undefined
}

async function restore(log: Wal, state: IndexState, signal: AbortSignal | undefined): Promise<IndexRecoveryReport> {
  const fromSnapshot = state.catalog.size
  // Without a snapshot, from the oldest record that is left: where the beginning is lost, the policy has decided.
  const after = log.lastCheckpoint?.sequenceNumber
  let replayed = 0
  let voided = 0
  await state.coalesce(async () => {
    for await (const { seq, entries } of log.replay({ after, borrow: true, ...(signal && { signal }) })) {
      if (applyLogged(state, seq, entries)) replayed++
      else voided++
    }
  })
  return { ...log.recovery, replayed, voided, fromSnapshot }
}

function applyLogged(state: IndexState, seq: number, entries: readonly BatchMember[]): boolean {
  try {
    return state.apply(entries)
  } catch (cause) {
    // What was held back until now may be of any record before.
    if ((cause as WalError).code === 'WALV_INDEX_MISMATCH') throw cause
    throw new WalError(
      'WALV_INDEX_MISMATCH',
      `Record ${seq} does not fit the index: ${(cause as Error).message} Open the directory with the index options it was written with.`,
      { seq, cause },
    )
  }
}
