import type { CheckpointEntry, SnapshotFile } from '../../entry.ts'
import { SNAPSHOT_FILE_NAME } from '../../format/decode.ts'
import { decodeSummed, encodeSummed } from '../../format/summed-line.ts'

/**
 * What a snapshot's checkpoint record says, in a file beside what the snapshot holds: should the
 * log be lost with the record, the snapshot can still be verified and loaded. Its name is one that
 * no file of a snapshot may have. One line of JSON, then the SHA-256 of that line, in hex.
 */
export const MANIFEST_FILE = '.checkpoint.json'

export interface SnapshotManifest {
  readonly logId: Buffer
  readonly checkpoint: CheckpointEntry
}

type ManifestLine = Omit<CheckpointEntry, 'type'> & { readonly logId: string }

export function encodeManifest({ logId, checkpoint }: SnapshotManifest): Buffer {
  const { sequenceNumber, replayFrom, snapshot } = checkpoint
  return encodeSummed({ logId: logId.toString('hex'), sequenceNumber, replayFrom, snapshot })
}

/** Undefined where it is not whole. */
export function decodeManifest(content: Buffer): SnapshotManifest | undefined {
  try {
    const { logId, sequenceNumber, replayFrom, snapshot } = decodeSummed(content) as ManifestLine
    const names: string[] = snapshot!.files.map(({ name }: SnapshotFile) => name)
    if (!names.every((name) => SNAPSHOT_FILE_NAME.test(name)) || !/^[0-9a-f]{32}$/.test(logId))
      return undefined
    const checkpoint: CheckpointEntry = { type: 'checkpoint', sequenceNumber, replayFrom, snapshot }
    return { logId: Buffer.from(logId, 'hex'), checkpoint }
  } catch {
    return undefined
  }
}
