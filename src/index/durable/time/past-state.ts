import type { DataEntry } from '../../../entry.ts'
import { WalError } from '../../../errors.ts'
import type { Log, Snapshot } from '../../../log/log.ts'
import type { Past } from '../../../log/moment.ts'
import { Wal } from '../../../log/wal.ts'
import { SharedWal } from '../../../shared/shared-wal.ts'
import { decodeSnapshot, SNAPSHOT_FILE } from '../../flat/flat-snapshot.ts'
import { Catalog } from '../catalog.ts'
import { catalogAmong } from '../catalog-file.ts'
import { hasKeys, IdempotencyKeys, KEYS_FILE } from '../idempotency-keys.ts'
import { isProvable, savedIndex } from '../snapshot-proof.ts'
import { impossibleIn, jsonOf, type Known, noteKeys, partsOf, type Unit } from '../unit.ts'

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
export class PastState<V> implements Known {
  readonly catalog: Catalog = new Catalog()
  readonly keys: IdempotencyKeys = new IdempotencyKeys()
  readonly vectors: Map<string, V> = new Map()
  readonly #keeping: Keeping<V>

  constructor(keeping: Keeping<V>) {
    this.#keeping = keeping
  }

  /**
   * Fills it, empty, from a snapshot that reaches through a record.
   * @throws WALV_INDEX_MISMATCH where no index of walv can read it
   */
  async load(snapshot: Snapshot, lastSeq: number): Promise<void> {
    const { info, files, name } = snapshot.reference
    const saved = savedIndex(info)
    if (saved === undefined || !isProvable(snapshot))
      throw new WalError(
        'WALV_INDEX_MISMATCH',
        `${name} keeps its vectors in files that only the index can read that wrote it. Use DurableIndex.openAt with that index.`,
      )
    await this.catalog.load(snapshot.read(catalogAmong(files)!), lastSeq)
    if (hasKeys(files)) await this.keys.load(snapshot.read(KEYS_FILE), lastSeq)
    const { dimensions, metric } = saved
    const shape = { dimensions, metric, acceptsNonFinite: true }
    await decodeSnapshot(snapshot.read(SNAPSHOT_FILE), shape, undefined, (label, vector) => {
      const id = this.catalog.byLabel(label)?.id
      if (id !== undefined && this.#keeping.watches(id)) this.vectors.set(id, this.#keeping.vector(vector))
      return id !== undefined
    })
  }

  seqOf(id: string): number | undefined {
    return this.catalog.seqOf(id)
  }

  /** Applies entries that take effect together, as an index does. Answers whether they did. */
  apply(unit: Unit): boolean {
    const parts = partsOf(unit.entries)
    if (impossibleIn(parts, unit.timestamp, this)) return false
    noteKeys(parts, unit, this)
    for (const change of parts.changes) this.#applyOne(change, unit.seq)
    return true
  }

  #applyOne(change: DataEntry, seq: number): void {
    const { id } = change
    const before = this.catalog.get(id)
    if (change.type === 'delete') {
      if (before) this.catalog.delete(before)
      this.vectors.delete(id)
      return
    }
    const json = change.metadata === undefined ? (before?.json ?? null) : jsonOf(change)
    this.catalog.set(id, json, seq, before)
    if (change.vector && this.#keeping.watches(id)) this.vectors.set(id, this.#keeping.vector(change.vector))
  }
}
