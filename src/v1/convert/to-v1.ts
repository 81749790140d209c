import { resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { WalError } from '../../errors.ts'
import { Wal } from '../../log/wal.ts'
import { checkOptions } from '../../option-names.ts'
import { V1Writer } from '../writer.ts'
import { intoNewDirectory } from './new-directory.ts'
import { CONVERT_OPTIONS, type ConvertOptions, type ConvertReport } from './options.ts'
import { v1Frames } from './v1-frames.ts'

/**
 * Writes the records of a v2 log into a new v1 directory, which the original reads. Checkpoints are
 * left out: the original would drop everything before them. So is what the log says of its vectors:
 * v1 has no place for it.
 * @throws WALV_INVALID_ENTRY for a record that v1 has no form of (custom, prepared, an update of a
 * part), WALV_SEQUENCE_TRIMMED if the log's beginning is only in a snapshot, WALV_DAMAGED, and what
 * reading and writing throw
 */
export async function convertToV1(options: ConvertOptions): Promise<ConvertReport> {
  checkOptions('convertToV1', options, CONVERT_OPTIONS)
  const disk = options.disk ?? nodeDisk
  return intoNewDirectory(disk, resolve(options.to), (to) => writeV1({ ...options, to }, disk))
}

async function writeV1(options: ConvertOptions, disk: Disk): Promise<ConvertReport> {
  const { policy = 'strict', signal } = options
  const wal = await Wal.open({
    directory: options.from,
    disk,
    readOnly: true,
    recovery: policy,
    ...(signal && { signal }),
  })
  const { firstSeq } = wal.stats()
  if (firstSeq > 0) {
    throw new WalError(
      'WALV_SEQUENCE_TRIMMED',
      `The log in ${options.from} begins with record ${firstSeq}; what came before is in a snapshot, which format v1 cannot hold.`,
      { seq: firstSeq },
    )
  }
  const writer = await V1Writer.create(disk, options.to)
  let records = 0
  let withoutCounterpart = 0
  try {
    for await (const { seq, payload } of v1Frames(
      wal.read(signal ? { signal } : {}),
      () => withoutCounterpart++,
    )) {
      await writer.writeFrame(seq, payload)
      records++
      options.onProgress?.(records)
    }
  } finally {
    await writer.close()
  }
  return { records, withoutCounterpart, damage: wal.recovery.damage.length }
}
