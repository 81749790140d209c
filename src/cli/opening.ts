/** What the commands ask of a directory before they use it. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LOOKS_BESIDE_WRITER, lookBesideWriter } from '../log/recover/beside-writer.ts'
import { type BatchMember, type JsonValue, type Metric, Wal, WalError } from '../mod.ts'
import { type Engine, isEngine } from './engines.ts'

/** What kind of index a directory holds. */
export interface IndexKind {
  readonly dimensions: number
  /** Undefined where the log does not say. */
  readonly metric: Metric | undefined
}

/**
 * For what opens a log to write to it: who runs a command waits for it, and sees how long it takes.
 * A warning of a slow sync is for services.
 */
export const UNWARNED: { readonly slowSyncMs: number } = { slowSyncMs: Number.MAX_SAFE_INTEGER }

/**
 * @throws WALV_USAGE if there is anything in the directory. What else is wrong with it, opening
 * says.
 */
export async function needEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  if (names.length === 0) return
  throw new WalError('WALV_USAGE', `${directory} is not empty. Give a new directory. Nothing was written.`, {
    file: directory,
  })
}

/**
 * Opens a log read-only, with what is left of it if it is damaged. @throws WALV_NOT_FOUND, and what
 * `Wal.open` throws
 */
export async function openToLook(
  directory: string,
  onProgress?: (bytesDone: number, bytesTotal: number) => void,
): Promise<Wal> {
  const wal = await Wal.open({
    directory,
    readOnly: true,
    recovery: 'salvage',
    ...(onProgress && { onProgress }),
  })
  // About nothing, every answer would be good news.
  if (wal.stats().segments === 0 && wal.recovery.damage.length === 0)
    throw new WalError('WALV_NOT_FOUND', `There is no log in ${directory}. Check the path.`, {
      file: directory,
    })
  return wal
}

/**
 * What `begin` yields, begun again where a live writer has let go of what it was about to read. Not
 * once something was yielded.
 */
export async function* lookAgain<T>(begin: () => AsyncIterable<T>): AsyncGenerator<T, void, void> {
  const begun = await lookBesideWriter(LOOKS_BESIDE_WRITER, async () => {
    const iterator = begin()[Symbol.asyncIterator]()
    return { iterator, first: await iterator.next() }
  })
  try {
    for (let next = begun.first; !next.done; next = await begun.iterator.next()) yield next.value
  } finally {
    await begun.iterator.return?.()
  }
}

/** Snapshots as folders on the disk, and all their files. */
export interface SnapshotFolders {
  readonly count: number
  readonly bytes: number
}

/** The snapshots that a directory has. */
export async function snapshotsIn(directory: string): Promise<SnapshotFolders> {
  const folder = join(directory, 'snapshots')
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^snapshot-\d+$/.test(name))
  let bytes = 0
  for (const name of names) {
    // A writer beside it may let go of one meanwhile.
    for (const file of await readdir(join(folder, name)).catch(() => []))
      bytes += (await stat(join(folder, name, file)).catch(() => undefined))?.size ?? 0
  }
  return { count: names.length, bytes }
}

/**
 * What vectors the directory holds: the log says, or its first vector. Undefined where there is no
 * vector.
 */
export async function indexKind(directory: string): Promise<IndexKind | undefined> {
  const wal = await Wal.open({ directory, readOnly: true })
  const { index } = wal.recovery
  if (index) return { dimensions: index.dimensions, metric: index.metric }
  for await (const { entries } of wal.replay()) {
    const vector = firstVector(entries)
    if (vector) return { dimensions: vector.length, metric: undefined }
  }
  return undefined
}

/**
 * The engine to write an index with: the one that was asked for, or the one of its last snapshot,
 * whose graph would otherwise have to be built again, or `flat`.
 */
export async function engineOf(directory: string, asked: Engine | undefined): Promise<Engine> {
  if (asked !== undefined) return asked
  const wal = await Wal.open({ directory, readOnly: true }).catch((error: unknown) => {
    if (error instanceof WalError && error.code === 'WALV_NO_DIRECTORY') return undefined
    throw error
  })
  const info = wal?.lastCheckpoint?.snapshot?.info
  const kind = (info as { readonly kind?: JsonValue } | null | undefined)?.kind
  return isEngine(kind) ? kind : 'flat'
}

function firstVector(entries: readonly BatchMember[]): Float32Array | undefined {
  for (const entry of entries) {
    const vector =
      entry.type === 'batch' ? firstVector(entry.entries) : 'vector' in entry ? entry.vector : undefined
    if (vector) return vector
  }
  return undefined
}

/**
 * The metric that was asked for, if the index has no other; that of the index; or cosine.
 * @throws WALV_INDEX_MISMATCH
 */
export function metricFor(directory: string, kind: IndexKind | undefined, asked: Metric | undefined): Metric {
  if (asked === undefined || kind?.metric === undefined || asked === kind.metric)
    return asked ?? kind?.metric ?? 'cosine'
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `The index in ${directory} has the metric ${kind.metric}, not ${asked}. Leave out --metric.`,
    { file: directory },
  )
}
