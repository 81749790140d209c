import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { WalErrorCode } from '../../../src/errors.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { convertToV1 } from '../../../src/v1/convert/to-v1.ts'
import { convertToV2 } from '../../../src/v1/convert/to-v2.ts'
import { readV1Directory } from '../../../src/v1/read/reader.ts'
import { putFile } from '../../support/simulated-log.ts'
import { collect } from '../../v1/helpers.ts'
import { fileParts, mutateFiles, unpack } from '../files.ts'
import { orCode, type Target, Words } from '../target.ts'
import { mutateV1Segment, v1Log } from './v1-log.ts'

const FROM = '/from'
const TO = '/to'
const BACK = '/back'
/** v1 holds what v2 has no room for: ids without a character, batches nested deeper. */
const REFUSALS: readonly WalErrorCode[] = [
  'WALV_INVALID_ID',
  'WALV_LIMIT',
  'WALV_INVALID_METADATA',
  'WALV_INVALID_ENTRY',
]
/** Converting writes files of full size. */
const MOST_BYTES = 4096

/** A directory of v1 made a log of v2, and back: record for record the same. */
export const v1Convert: Target = {
  name: 'v1-convert',
  seeds: async () => (await v1Log.seeds()).filter(({ length }) => length <= MOST_BYTES),
  mutate: (random, input, other) => mutateFiles(random, input, other, mutateV1Segment),
  parts: fileParts,
  async run(input) {
    const words = new Words()
    const disk = new SimulatedDisk()
    await putFile(disk, join(FROM, 'README'), Buffer.alloc(0))
    for (const { name, bytes } of unpack(input)) await putFile(disk, join(FROM, name), bytes).catch(() => {})
    const there = await orCode(REFUSALS, () => convertToV2({ from: FROM, to: TO, policy: 'salvage', disk }))
    words.add('there', typeof there === 'string' ? there : there.damage > 0)
    if (typeof there === 'string') return words
    words.add(there.records > 0, there.withoutCounterpart > 0)
    await convertToV1({ from: TO, to: BACK, disk })
    assert.deepEqual(await payloadsIn(disk, BACK), await payloadsIn(disk, FROM))
    return words
  },
}

async function payloadsIn(disk: SimulatedDisk, directory: string): Promise<string[]> {
  const { records } = await collect(readV1Directory(disk, directory))
  return records.map(({ seq, payload }) => `${seq} ${Buffer.from(payload).toString('hex')}`)
}
