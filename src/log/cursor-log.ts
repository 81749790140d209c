/** What cursors have to know of the log that they are of, as it is now. */
import { join } from 'node:path'
import { listFolder } from '../disk/directories.ts'
import type { Disk } from '../disk/disk.ts'
import type { WalErrorCode } from '../errors.ts'
import { CursorStore, type FoundCursor } from './cursor/cursor-store.ts'
import { beginAnew, overtaken } from './cursor/cursor-trouble.ts'
import { heldFor } from './cursor/held.ts'
import type { CursorStatus } from './cursor-types.ts'
import type { LiveSource } from './follow/live-source.ts'
import { SNAPSHOT_FOLDER } from './layout.ts'
import type { WalSettings } from './options.ts'
import { bytesBetween } from './segment/segment-bytes.ts'
import type { WalState } from './wal-state.ts'

/** What it takes to say how they stand. */
interface ListedLog extends Pick<WalState, 'extent' | 'logId' | 'floorSeq' | 'checkpoints'> {
  readonly disk: Disk
  readonly directory: string
}

export interface CursorLog extends ListedLog, Pick<WalState, 'checkpointBefore'> {
  readonly clock: () => number
  /** @throws WALV_READ_ONLY */
  live(): LiveSource
}

export function cursorLogOf({ disk, directory, clock }: WalSettings, state: WalState): CursorLog {
  const { extent, logId, floorSeq, checkpoints } = state
  return {
    ...{ disk, directory, clock, extent, logId, floorSeq, checkpoints },
    checkpointBefore: (seq) => state.checkpointBefore(seq),
    live: () => state.live(),
  }
}

/** Why a cursor cannot be used, as the error that opening it throws. */
export interface Unusable {
  readonly code: WalErrorCode
  readonly text: string
}

/** Undefined for one that can be opened. What retention has let go of, reading tells. */
export function unusable({ name, content, problem }: FoundCursor, log: ListedLog): Unusable | undefined {
  if (content === undefined) {
    const text = `${problem}. Where the cursor ${name} stood is not known. Put the file back from a backup that is not older than what its reader has stored. Without one: ${beginAnew(name)}`
    return { code: 'WALV_DAMAGED', text }
  }
  if (log.logId !== undefined && content.logId !== log.logId) {
    const text = `The cursor ${name} in ${log.directory} is of another log, and came here with a copy of its file. ${beginAnew(name)}`
    return { code: 'WALV_FOREIGN_LOG', text }
  }
  // Who follows may not see yet what another process has committed.
  if (log.floorSeq === undefined || content.position < log.extent.before) return undefined
  const text = `The cursor ${name} stands at record ${content.position}, and the log in ${log.directory} ends with ${log.extent.before - 1}: an older copy was put in its place. What is logged now is not what was told. ${beginAnew(name)}`
  return { code: 'WALV_DAMAGED', text }
}

/** Every cursor, by name. Rejects with what the system says where they cannot be listed. */
export async function cursorStatuses(log: ListedLog): Promise<CursorStatus[]> {
  const found = await new CursorStore(log.disk, log.directory).all()
  if (found.length === 0) return []
  const floorSeq = log.floorSeq ?? (await floorByFiles(log))
  return found.map((cursor) => statusOf(cursor, log, floorSeq))
}

/** Who does not write the log goes by the snapshots that are there. */
async function floorByFiles({ disk, directory, checkpoints }: ListedLog): Promise<number> {
  const names = new Set((await listFolder(disk, join(directory, SNAPSHOT_FOLDER))).map(({ name }) => name))
  const kept = checkpoints.filter(({ entry }) => names.has(entry.snapshot!.name))
  return kept.length === 0 ? 0 : Math.min(...kept.map(({ entry }) => entry.replayFrom))
}

function statusOf(cursor: FoundCursor, log: ListedLog, floorSeq: number): CursorStatus {
  const { name, content } = cursor
  const { extents, before } = log.extent
  const { fromSeq, bytes, maxBytes, isTrimmed } = heldFor(cursor, extents, floorSeq)
  const told = (content?.position ?? fromSeq - 1) + 1
  const { text } = unusable(cursor, log) ?? {}
  const firstSeq = extents[0]?.firstSeq ?? 0
  const gone = isTrimmed ? overtaken(name, log.directory, fromSeq, firstSeq).message : undefined
  return {
    name,
    position: content?.position,
    maxHeldBytes: maxBytes,
    recordsBehind: Math.max(0, before - told),
    bytesBehind: bytesBetween(extents, fromSeq, Number.POSITIVE_INFINITY),
    heldBytes: isTrimmed ? 0 : bytes,
    problem: text ?? gone,
  }
}
