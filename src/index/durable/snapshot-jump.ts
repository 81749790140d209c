import type { DataEntry } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { CheckedInsert } from '../../format/checked-insert.ts'
import type { Log, Snapshot } from '../../log/log.ts'
import { decodeSnapshot, SNAPSHOT_FILE } from '../flat/flat-snapshot.ts'
import { Catalog, type CatalogEntry } from './catalog.ts'
import { catalogAmong } from './catalog-file.ts'
import { SetFingerprint } from './fingerprint.ts'
import { hasKeys, IdempotencyKeys, KEYS_FILE } from './idempotency-keys.ts'
import type { IndexState, SnapshotDifference } from './index-state.ts'
import { fingerprintVersionOf, isProvable, type SavedIndex, savedIndex } from './snapshot-proof.ts'

type SnapshotSource = Pick<Log, 'directory' | 'lastCheckpoint' | 'snapshot'>

/**
 * Makes a state that of the newest snapshot, in one step, by what is different: searches go on in
 * the old one meanwhile, and see nothing in between. It is proved by its fingerprint before
 * anything is changed. Memory: the ids of the snapshot, and the vectors that are different.
 * @returns through which record the state reaches now
 * @throws WALV_SEQUENCE_TRIMMED where there is no snapshot that goes further, WALV_DAMAGED, what
 * the disk says
 */
export async function jumpToSnapshot(
  wal: SnapshotSource,
  state: IndexState,
  appliedSeq: number,
): Promise<number> {
  const { lastCheckpoint: checkpoint, snapshot } = wal
  if (checkpoint === undefined || snapshot === undefined || checkpoint.sequenceNumber <= appliedSeq)
    throw overtaken(wal, appliedSeq, 'no newer snapshot was found')
  if (!isProvable(snapshot))
    throw overtaken(wal, appliedSeq, 'only the index that wrote it can load the snapshot')
  const { sequenceNumber } = checkpoint
  state.takeOver(await differences(snapshot, sequenceNumber, savedIndex(snapshot.reference.info)!, state))
  return sequenceNumber
}

async function differences(
  snapshot: Snapshot,
  lastSeq: number,
  saved: SavedIndex,
  state: IndexState,
): Promise<SnapshotDifference> {
  const { files } = snapshot.reference
  const catalog = new Catalog()
  await catalog.load(snapshot.read(catalogAmong(files)!), lastSeq)
  const keys = new IdempotencyKeys()
  if (hasKeys(files)) await keys.load(snapshot.read(KEYS_FILE), lastSeq)
  const changes: DataEntry[] = []
  const numbers = new Map<string, number>()
  const fingerprint = new SetFingerprint(fingerprintVersionOf(saved))
  const { dimensions, metric } = state.index
  const shape = { dimensions, metric, acceptsNonFinite: true }
  await decodeSnapshot(snapshot.read(SNAPSHOT_FILE), shape, undefined, (label, vector) => {
    const entry = catalog.byLabel(label)
    if (entry === undefined) return false
    const { id, json, seq } = entry
    fingerprint.add({ id, vector, metadata: json })
    if (state.seqOf(id) !== seq) numbers.set(id, seq)
    if (!isHeld(state, entry, vector))
      changes.push(new CheckedInsert(id, vector.slice(), entry.metadata, json ?? undefined, true))
    return true
  })
  if (fingerprint.value !== saved.fingerprint)
    throw new WalError('WALV_DAMAGED', 'The newest snapshot holds something else than what was saved.')
  for (const id of state.catalog.ids()) if (!catalog.has(id)) changes.push({ type: 'delete', id })
  return { changes, numbers, keys }
}

function isHeld({ catalog, index }: IndexState, { id, json }: CatalogEntry, vector: Float32Array): boolean {
  const held = catalog.get(id)
  if (held === undefined || held.json !== json) return false
  const own = index.peek ? index.peek(held.label) : index.get(held.label)
  return bytesOf(own).equals(bytesOf(vector))
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

const overtaken = ({ directory }: SnapshotSource, seq: number, why: string): WalError =>
  new WalError(
    'WALV_SEQUENCE_TRIMMED',
    `What followed record ${seq} is no longer kept in ${directory}, and ${why}. The index is not used any more; open it again.`,
    { seq },
  )
