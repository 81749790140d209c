import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { WalErrorCode } from '../../../src/errors.ts'
import { Wal } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { collect } from '../../support/logs.ts'
import { DIRECTORY, openOn, putFile } from '../../support/simulated-log.ts'
import { fileParts, mutateFiles } from '../files.ts'
import { mutateSegment } from '../mutate-segment.ts'
import { textOf } from '../record-text.ts'
import { seedLogs } from '../seed-logs.ts'
import { orCode, type Target, Words } from '../target.ts'
import { logFiles } from './v2-log.ts'

const REFUSALS: readonly WalErrorCode[] = [
  'WALV_DAMAGED',
  'WALV_FOREIGN_LOG',
  'WALV_V1_DIRECTORY',
  'WALV_UNSUPPORTED_VERSION',
  'WALV_UNSUPPORTED_FEATURE',
  // A transaction is open, and there is no number left for its abort.
  'WALV_SEQUENCE_EXHAUSTED',
]
/** Room for new segments of the first size, beside a copy of everything. */
const FREE_BYTES = 4 * 1024 * 1024

/**
 * A directory of segments and snapshots, opened for writing in spite of all damage. Nothing that
 * could be read before is lost by that.
 */
export const v2Repair: Target = {
  name: 'v2-repair',
  seeds: seedLogs,
  mutate: (random, input, other) => mutateFiles(random, input, other, mutateSegment),
  parts: fileParts,
  async run(input) {
    const words = new Words()
    for (const recovery of ['salvage', 'repair'] as const) await goOn(await diskOf(input), recovery, words)
    return words
  },
}

async function diskOf(input: Uint8Array): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ quotaBytes: FREE_BYTES + 3 * input.length })
  await putFile(disk, join(DIRECTORY, 'README'), Buffer.alloc(0))
  for (const { name, bytes } of logFiles(input)) {
    // Of two files of one name, or a file and a folder, one is there.
    await putFile(disk, join(DIRECTORY, name), bytes).catch(() => {})
  }
  return disk
}

async function goOn(disk: SimulatedDisk, recovery: 'salvage' | 'repair', words: Words): Promise<void> {
  const readable = await orCode(REFUSALS, () => recordsOn(disk))
  const wal = await orCode(REFUSALS, () => openOn(disk, { recovery }))
  if (typeof wal === 'string') return words.add(recovery, wal)
  assert.ok(readable instanceof Map, 'what can be opened for writing can be read')
  const seq = await orCode(['WALV_SEQUENCE_EXHAUSTED'], () => wal.append({ type: 'delete', id: 'appended' }))
  words.add(recovery, typeof seq, wal.recovery.quarantined.length > 0, wal.recovery.gaps.length > 0)
  await wal.close()
  if (recovery === 'repair') await (await openOn(disk)).close()
  const found = await recordsOn(disk)
  for (const [number, text] of readable)
    assert.equal(found.get(number), text, `record ${number} is lost or another`)
  if (typeof seq === 'number') assert.match(found.get(seq) ?? '', /"appended"/)
}

/** What can be read of a log, as texts by number; without what only says that something is lost. */
async function recordsOn(disk: SimulatedDisk): Promise<Map<number, string>> {
  const wal = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  const records = (await collect(wal.read())).filter(({ entry }) => entry.type !== 'gap')
  return new Map(records.map((record) => [record.seq, textOf(record)]))
}
