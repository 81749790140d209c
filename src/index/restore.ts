import type { BatchMember } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { WalOptions } from '../log/options.ts'
import type { RecoveryReport } from '../log/recovery.ts'
import { Wal } from '../log/wal.ts'
import { IndexState } from './index-state.ts'
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

/** Opens a log and fills an empty index with what it holds. */
export async function openRestored(options: WalOptions, index: VectorIndex): Promise<Restored> {
  for (let tries = options.readOnly ? READ_ONLY_TRIES : 1; ; tries--) {
    const log = await Wal.open(options)
    const state = new IndexState(index)
    try {
      return { log, state, recovery: await restore(log, state, options.signal) }
    } catch (error) {
      await log.close()
      const isEmpty = state.empty()
      if (tries === 1 || !isEmpty || !wasRetired(error as WalError)) throw error
    }
  }
}

async function restore(log: Wal, state: IndexState, signal: AbortSignal | undefined): Promise<IndexRecoveryReport> {
  const { snapshot } = log
  if (snapshot) await state.load(snapshot, snapshot.reference.info)
  const fromSnapshot = state.catalog.size
  const after = log.lastCheckpoint?.sequenceNumber ?? -1
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
