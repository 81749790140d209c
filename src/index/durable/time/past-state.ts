import type { BatchMember, DataEntry } from '../../../entry.ts'
import { WalError } from '../../../errors.ts'
import { isShared, type Log, type Snapshot } from '../../../log/log.ts'
import type { Past } from '../../../log/moment.ts'
import { Wal } from '../../../log/wal.ts'
import { SharedWal } from '../../../shared/shared-wal.ts'
import { decodeSnapshot, SNAPSHOT_FILE } from '../../flat/flat-snapshot.ts'
import { Catalog } from '../catalog.ts'
import { catalogAmong } from '../catalog-file.ts'
import { dataEntries, impossibleAs, jsonOf } from '../index-state.ts'
import { isProvable, savedIndex } from '../snapshot-proof.ts'

/**
 * Opens the log of an index once more, read-only, as it was. What its snapshots hold is left to who
 * reads them.
 * @throws WALV_SEQUENCE_TRIMMED, WALV_NOT_FOUND
 */
export function openPast(log: Log, past: Past, signal: AbortSignal | undefined): Promise<Wal> {
  const { readOnly, lastSeq } = log
  // What is only read stays as it was opened.
  const until = past.until ?? (readOnly ? { seq: lastSeq } : undefined)
  return walOf(log).openBeside({ past: { ...past, until }, tryOut: async () => false }, signal)
}

/** Whether the log is one of files that tell its past. */
export const hasPast = (log: Log): boolean => log instanceof Wal || log instanceof SharedWal

/** @throws WALV_INVALID_OPTION */
export function walOf(log: Log): Wal {
  if (log instanceof Wal) return log
  if (log instanceof SharedWal) return log.wal
  throw new WalError(
    'WALV_INVALID_OPTION',
    `The past of ${log.directory} cannot be read: that takes an index over a Wal, and this log is another.`,
  )
}

/**
 * What a revert puts back it has to know when its turn comes, and others' changes have no turn
 * here.
 * @throws WALV_INVALID_OPTION
 */
export function needAlone(log: Log): void {
  if (!isShared(log)) return
  throw new WalError(
    'WALV_INVALID_OPTION',
    `${log.directory} is shared: others may change it while a revert is made. Close it everywhere, and revert with walv revert, or with an index that is opened without share. Nothing was logged.`,
    { fate: 'not-logged' },
  )
}

/**
 * The same from the earliest moment that is kept.
 * @throws what is wrong with the log
 */
export async function openWholePast(log: Log, signal: AbortSignal | undefined): Promise<Wal> {
  try {
    return await openPast(log, { from: { seq: -1 } }, signal)
  } catch (error) {
    const { code, detail } = error as WalError
    const earliest = (detail as { readonly earliest?: { readonly seq: number } } | undefined)?.earliest
    if (code !== 'WALV_SEQUENCE_TRIMMED' || earliest === undefined) throw error
    return openPast(log, { from: { seq: earliest.seq } }, signal)
  }
}

/** Of which ids the vectors are kept, and as what. */
export interface Keeping<V> {
  watches(id: string): boolean
  /** The vector is valid during the call. */
  vector(vector: Float32Array): V
}

/**
 * What an index held, carried from change to change. Of all ids it knows that they are there, and
 * their metadata; vectors only of those that are watched.
 */
export class PastState<V> {
  readonly catalog: Catalog = new Catalog()
  readonly vectors: Map<string, V> = new Map()
  readonly #keeping: Keeping<V>

  constructor(keeping: Keeping<V>) {
    this.#keeping = keeping
  }

  /**
   * Fills it, empty, from a snapshot.
   * @throws WALV_INDEX_MISMATCH where no index of walv can read it
   */
  async load(snapshot: Snapshot): Promise<void> {
    const { info, files, name } = snapshot.reference
    const saved = savedIndex(info)
    if (saved === undefined || !isProvable(snapshot))
      throw new WalError(
        'WALV_INDEX_MISMATCH',
        `${name} keeps its vectors in files that only the index can read that wrote it. Use DurableIndex.openAt with that index.`,
      )
    await this.catalog.load(snapshot.read(catalogAmong(files)!))
    const { dimensions, metric } = saved
    const shape = { dimensions, metric, acceptsNonFinite: true }
    await decodeSnapshot(snapshot.read(SNAPSHOT_FILE), shape, undefined, (label, vector) => {
      const id = this.catalog.byLabel(label)?.id
      if (id !== undefined && this.#keeping.watches(id)) this.vectors.set(id, this.#keeping.vector(vector))
      return id !== undefined
    })
  }

  /** Applies entries that take effect together, as an index does. Answers whether they did. */
  apply(entries: readonly BatchMember[]): boolean {
    const changes = [...dataEntries(entries)]
    const exists = new Map<string, boolean>()
    for (const change of changes) {
      const { id } = change
      if (impossibleAs(change, exists.get(id) ?? this.catalog.has(id))) return false
      exists.set(id, change.type !== 'delete')
    }
    for (const change of changes) this.#applyOne(change)
    return true
  }

  #applyOne(change: DataEntry): void {
    const { id } = change
    const before = this.catalog.get(id)
    if (change.type === 'delete') {
      if (before) this.catalog.delete(before)
      this.vectors.delete(id)
      return
    }
    this.catalog.set(id, change.metadata === undefined ? (before?.json ?? null) : jsonOf(change), before)
    if (change.vector && this.#keeping.watches(id)) this.vectors.set(id, this.#keeping.vector(change.vector))
  }
}
