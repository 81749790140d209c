import { createHash, type Hash } from 'node:crypto'
import { resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { WalError } from '../../errors.ts'
import { Wal } from '../../log/wal.ts'
import { checkOptions } from '../../option-names.ts'
import { readV1Directory } from '../read/reader.ts'
import { intoNewDirectory } from './new-directory.ts'
import { CONVERT_OPTIONS, type ConvertOptions, type ConvertReport } from './options.ts'
import { v1Frames } from './v1-frames.ts'
import { V2Writer } from './v2-writer.ts'

/**
 * Writes the records of a v1 directory into a new v2 log, in file order, such that `convertToV1`
 * gives back exactly the same records, byte for byte: where a record cannot be told from its v2
 * form, a `walv.v1` record keeps it as it was. At the end this is checked, record by record.
 * @throws WALV_DAMAGED, WALV_INVALID_OPTION if `to` is not empty, and what reading and writing
 * throw
 */
export async function convertToV2(options: ConvertOptions): Promise<ConvertReport> {
  checkOptions('convertToV2', options, CONVERT_OPTIONS)
  const disk = options.disk ?? nodeDisk
  return intoNewDirectory(disk, resolve(options.to), (to) => writeV2({ ...options, to }, disk))
}

async function writeV2(options: ConvertOptions, disk: Disk): Promise<ConvertReport> {
  const { policy = 'strict', signal } = options
  const writer = await V2Writer.open(options.to, disk)
  const sum = createHash('sha256')
  let records = 0
  let damage = 0
  try {
    for await (const { record, damage: found } of readV1Directory(disk, options.from, { signal })) {
      if (found) {
        const lost = found.acknowledged !== false && found.kind !== 'torn-tail'
        if (policy === 'strict' && lost) throw refuse(options.from, found.detail)
        damage++
        continue
      }
      await writer.add(record)
      update(sum, record)
      records++
      options.onProgress?.(records)
    }
    await writer.finish()
  } finally {
    await writer.close()
  }
  await proveReversible(options.to, disk, sum.digest('hex'))
  return { records, withoutCounterpart: writer.alone, damage }
}

const refuse = (directory: string, detail: string): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `${directory} is damaged: ${detail} Nothing was converted. To convert what is left, use the policy salvage.`,
  )

function update(sum: Hash, { seq, payload }: { seq: bigint; payload: Uint8Array }): void {
  const prefix = Buffer.alloc(12)
  prefix.writeBigUInt64LE(seq)
  prefix.writeUInt32LE(payload.length, 8)
  sum.update(prefix).update(payload)
}

async function proveReversible(directory: string, disk: Disk, expected: string): Promise<void> {
  const wal = await Wal.open({ directory, disk, readOnly: true })
  const sum = createHash('sha256')
  for await (const frame of v1Frames(wal.read(), () => {})) update(sum, frame)
  if (sum.digest('hex') !== expected) {
    throw new WalError(
      'WALV_INVALID_FILE',
      `Converting ${directory} back would not give the same records. Do not use it, and please report this.`,
      { file: directory },
    )
  }
}
