import { echo } from '../../echo.ts'
import type { IndexIdentity, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { MAX_DIMENSIONS } from '../../limits.ts'
import type { Snapshot } from '../../log/log.ts'
import type { ContentRules } from '../../log/options.ts'
import { decodeSnapshot, SNAPSHOT_FILE } from '../flat/flat-snapshot.ts'
import { LabelMap } from '../label-map.ts'
import { isOfNewerWalv, OF_NEWER_WALV } from '../newer-walv.ts'
import { Catalog } from './catalog.ts'
import { catalogAmong } from './catalog-file.ts'
import { FINGERPRINT_VERSION, type FingerprintVersion, SetFingerprint } from './fingerprint.ts'
import { hasKeys, IdempotencyKeys, KEYS_FILE } from './idempotency-keys.ts'

/** What a checkpoint says of the index that its snapshot is of. */
export interface SavedIndex extends IndexIdentity {
  readonly kind: string
  readonly size: number
  readonly fingerprint: string
  /** By which definition, see `SetFingerprint`; 1 where it is not said. */
  readonly fingerprintVersion?: number
}

/** Undefined where the snapshot is not of a `DurableIndex`. */
export function savedIndex(info: JsonValue): SavedIndex | undefined {
  const saved = info as Partial<SavedIndex> | null
  return typeof saved?.fingerprint === 'string' ? (saved as SavedIndex) : undefined
}

/**
 * By which definition the fingerprint of a snapshot is to be computed.
 * @throws WALV_INDEX_MISMATCH where a newer walv wrote it
 */
export function fingerprintVersionOf({ fingerprintVersion: version = 1 }: SavedIndex): FingerprintVersion {
  if (version === 1 || version === FINGERPRINT_VERSION) return version
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `The fingerprint of the snapshot is of version ${echo(version)}, which is unknown to this walv. Open it with the walv that wrote it.`,
    { detail: OF_NEWER_WALV },
  )
}

/**
 * Proves what can be proved without an engine. What somebody's own index or program wrote is passed
 * over.
 */
export const PROVED: ContentRules = {
  async tryOut(snapshot, seq) {
    if (!isProvable(snapshot)) return false
    const problem = await contentProblem(snapshot, savedIndex(snapshot.reference.info)!, seq)
    return problem === undefined || { problem }
  },
}

/** Whether ids and vectors are in files that need no engine. */
export function isProvable({ reference: { info, files } }: Snapshot): boolean {
  const hasVectors = files.some(({ name }) => name === SNAPSHOT_FILE)
  return savedIndex(info) !== undefined && catalogAmong(files) !== undefined && hasVectors
}

/**
 * What is wrong with the ids, vectors and metadata of a snapshot whose hashes are right; undefined
 * if they are those that were saved, which the fingerprint proves. Memory: the catalog, and 1 MiB
 * of vectors.
 * @throws what the disk says; WALV_INDEX_MISMATCH if a newer walv wrote it
 */
export async function contentProblem(
  files: Snapshot,
  saved: SavedIndex,
  seq: number,
): Promise<string | undefined> {
  try {
    const found = await fingerprintOf(files, saved, seq)
    return found === saved.fingerprint ? undefined : OTHER_CONTENT
  } catch (error) {
    const cause = error as WalError
    if (cause instanceof WalError && (cause.code !== 'WALV_INDEX_MISMATCH' || isOfNewerWalv(cause)))
      throw cause
    return cannotLoad(cause)
  }
}

const OTHER_CONTENT =
  'its files have the right hashes, and hold something else than what was saved: the fingerprints differ'

/** A clause for people. */
export const cannotLoad = ({ message }: Error): string =>
  `its files have the right hashes, but cannot be loaded (${message.slice(0, 200).replace(/\.$/, '')})`

async function fingerprintOf(files: Snapshot, saved: SavedIndex, seq: number): Promise<string> {
  const { dimensions, metric } = saved
  if (!Number.isInteger(dimensions) || dimensions < 0 || dimensions > MAX_DIMENSIONS)
    throw new Error('what its checkpoint says of the dimensions is no number of them')
  const catalog = new Catalog()
  await catalog.load(files.read(catalogAmong(files.reference.files)!), seq)
  const keys = new IdempotencyKeys()
  if (hasKeys(files.reference.files)) await keys.load(files.read(KEYS_FILE), seq)
  const met = new LabelMap<true>()
  const fingerprint = new SetFingerprint(fingerprintVersionOf(saved))
  const shape = { dimensions, metric, acceptsNonFinite: true }
  await decodeSnapshot(files.read(SNAPSHOT_FILE), shape, undefined, (label, vector) => {
    const entry = catalog.byLabel(label)
    if (entry === undefined || met.has(label))
      throw new Error(`label ${label} stands twice among its vectors, or belongs to no id`)
    fingerprint.add({ id: entry.id, vector, metadata: entry.json })
    met.set(label, true)
    return true
  })
  const without = catalog.size - met.size
  if (without > 0) throw new Error(`${without} of its ids have no vector`)
  return fingerprint.value
}
