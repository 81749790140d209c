import type { JsonValue, Origin } from '../../../entry.ts'
import { WalError } from '../../../errors.ts'
import type { Log } from '../../../log/log.ts'
import { LOOKS_BESIDE_WRITER, wasRetired } from '../../../log/recover/beside-writer.ts'
import type { Wal } from '../../../log/wal.ts'
import { dataEntries } from '../unit.ts'
import { openWholePast, PastState } from './past-state.ts'

/** One state of an id, and the change that made it. */
export interface Version<Metadata = JsonValue> {
  /** Where the change took effect: of a transaction, its commit. */
  readonly seq: number
  /** Milliseconds since the epoch. Informative only. */
  readonly timestamp: number
  /**
   * `insert`: the id was not there before. `update`: it was. `delete`: it is not there any more.
   * `kept`: it was there already at the earliest moment that is kept, which is that of `seq`.
   */
  readonly type: 'insert' | 'update' | 'delete' | 'kept'
  /** Where the change was one of a transaction's. */
  readonly transactionId?: number
  /** Who made it, where several processes share the directory. */
  readonly origin?: Origin
  /** Undefined where it is deleted. */
  readonly vector: Float32Array | undefined
  /** Frozen. Undefined where it is deleted. */
  readonly metadata: Metadata | undefined
}

/**
 * The versions of an id, oldest first, as far back as the past is kept. Beside a live writer a file
 * may be removed while it is read: by a checkpoint, or by whoever writes next, whose first file has
 * the same records. Then it looks again, and goes on behind the version that was told last.
 */
export async function* versionsOf(
  log: Log,
  id: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Version, void, void> {
  let told = -1
  for (let looks = LOOKS_BESIDE_WRITER; ; looks--) {
    try {
      for await (const version of versionsBehind(told, log, id, signal)) {
        told = version.seq
        yield version
      }
      return
    } catch (error) {
      if (looks === 1 || !wasRetired(error)) throw error
    }
  }
}

async function* versionsBehind(
  told: number,
  log: Log,
  id: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Version, void, void> {
  const { past, state } = await begin(log, id, signal)
  const version = (): Pick<Version, 'vector' | 'metadata'> => ({
    // A copy: the caller's own.
    vector: state.vectors.get(id)?.slice(),
    metadata: state.catalog.get(id)?.metadata,
  })
  const after = past.lastCheckpoint?.sequenceNumber
  if (after !== undefined && after > told) {
    const timestamp = past.stats().lastCheckpointAt!
    if (told >= 0) throw overtaken(log.directory, after, timestamp)
    if (state.catalog.has(id)) yield { seq: after, timestamp, type: 'kept', ...version() }
  }
  for await (const unit of past.replay({ after, borrow: true, signal })) {
    const { entries, ...place } = unit
    const before = state.catalog.has(id)
    if (!state.apply(unit) || !touches(entries, id)) continue
    const type = !state.catalog.has(id) ? 'delete' : before ? 'update' : 'insert'
    if (type === 'delete' && !before) continue
    if (place.seq > told) yield { ...place, type, ...version() }
  }
}

/** Versions may have been let go of between the last one that was told and those that are left. */
const overtaken = (directory: string, seq: number, time: number): WalError =>
  new WalError(
    'WALV_SEQUENCE_TRIMMED',
    `A checkpoint has overtaken the reading of ${directory}: the past begins at record ${seq} now. Ask for the versions again.`,
    { file: directory, seq, detail: { earliest: { seq, time } } },
  )

const touches = (entries: Parameters<typeof dataEntries>[0], id: string): boolean => {
  for (const change of dataEntries(entries)) if (change.id === id) return true
  return false
}

async function begin(
  log: Log,
  id: string,
  signal: AbortSignal | undefined,
): Promise<{ past: Wal; state: PastState<Float32Array> }> {
  const past = await openWholePast(log, signal)
  const state = new PastState({
    watches: (each) => each === id,
    vector: (vector: Float32Array) => vector.slice(),
  })
  if (past.snapshot) await state.load(past.snapshot, past.lastCheckpoint!.sequenceNumber)
  return { past, state }
}
