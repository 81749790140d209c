/**
 * Checkpoints that no writer of walv takes, in logs whose sums are right: what they claim is
 * checked, and what they name is looked at once.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import {
  type CheckpointEntry,
  collect,
  diagnose,
  frameOfEntry,
  idsIn,
  insert,
  openWal,
  refusal,
  type SnapshotReference,
  segmentOf,
  temporaryDirectory,
  Wal,
} from '../../support/kit.ts'

const CONTENT = Buffer.from('what the index held')
const SHA256 = createHash('sha256').update(CONTENT).digest('hex')
const FILE = { name: 'state', bytes: CONTENT.length, sha256: SHA256 }
const SNAPSHOT: SnapshotReference = { name: 'snapshot-0000000000000001', files: [FILE], info: null }

const taken = (fields: Partial<CheckpointEntry>): CheckpointEntry => ({
  type: 'checkpoint',
  sequenceNumber: 1,
  replayFrom: 2,
  snapshot: SNAPSHOT,
  ...fields,
})

/** Two inserts, the checkpoints, an insert; and the snapshot that they name, whole. */
async function logWith(t: TestContext, ...checkpoints: readonly CheckpointEntry[]): Promise<string> {
  const directory = await temporaryDirectory(t)
  const entries = [insert('a'), insert('b'), ...checkpoints, insert('c')]
  const segment = segmentOf({}, (seed) =>
    entries.map((entry, seq) => frameOfEntry(entry, { seq, durableBefore: seq }, seed)),
  )
  await writeFile(join(directory, segmentName(1)), segment)
  await mkdir(join(directory, 'snapshots', SNAPSHOT.name), { recursive: true })
  await writeFile(join(directory, 'snapshots', SNAPSHOT.name, FILE.name), CONTENT)
  return directory
}

test('a checkpoint as a writer takes it is used', async (t) => {
  const wal = await openWal(t, { directory: await logWith(t, taken({})) })
  assert.deepEqual([wal.lastCheckpoint?.sequenceNumber, wal.recovery.snapshotSeq], [1, 1])
})

const FORGED: readonly (readonly [what: string, fields: Partial<CheckpointEntry>, problem: RegExp])[] = [
  [
    'reaches beyond its own place',
    { sequenceNumber: 1e9, replayFrom: 1e9 + 1 },
    /through record 1000000000, before which it stands/,
  ],
  [
    'reaches just to its own place',
    { sequenceNumber: 2, replayFrom: 3 },
    /through record 2, before which it stands/,
  ],
  [
    'begins its replay behind what it does not hold',
    { replayFrom: 3 },
    /a replay from record 3, though it reaches through 1/,
  ],
  [
    'names one file twice',
    { snapshot: { ...SNAPSHOT, files: [FILE, FILE] } },
    /names that are no file names, or come twice/,
  ],
  [
    'names a file outside',
    { snapshot: { ...SNAPSHOT, files: [{ ...FILE, name: '../../LOCK' }] } },
    /no file names/,
  ],
  [
    'names what no system takes for a name',
    { snapshot: { ...SNAPSHOT, name: 'x'.repeat(300) } },
    /no file names/,
  ],
  [
    'has a size below zero',
    { snapshot: { ...SNAPSHOT, files: [{ ...FILE, bytes: -1 }] } },
    /a file without a size or hash/,
  ],
  [
    'has no hash',
    { snapshot: { ...SNAPSHOT, files: [{ ...FILE, sha256: 'x' }] } },
    /a file without a size or hash/,
  ],
]

for (const [what, fields, problem] of FORGED)
  test(`a checkpoint that ${what} is told as damage, and hides no record`, async (t) => {
    const directory = await logWith(t, taken(fields))
    const { verdict, damage } = await diagnose({ directory })
    assert.equal(verdict, 'loss')
    assert.match(damage[0]!.detail, /^Record 2 verifies but makes no sense/)
    assert.match(damage[0]!.detail, problem)
    const wal = await openWal(t, { directory, readOnly: true })
    assert.equal(wal.lastCheckpoint, undefined)
    await assert.rejects(collect(wal.replay()), refusal('WALV_DAMAGED'))
    const salvaging = await openWal(t, { directory, recovery: 'salvage' })
    assert.deepEqual(await idsIn(salvaging), ['a', 'b', 'c'])
    assert.deepEqual(await readdir(join(directory, 'snapshots')), [SNAPSHOT.name])
  })

test('a snapshot that many checkpoints name and that does not verify is told once', async (t) => {
  const bad = taken({ snapshot: { ...SNAPSHOT, files: [{ ...FILE, sha256: '0'.repeat(64) }] } })
  const directory = await logWith(t, ...Array.from({ length: 20 }, () => bad))
  const { damage } = await diagnose({ directory })
  assert.deepEqual(
    damage.map(({ kind }) => kind),
    ['snapshot'],
  )
  const wal = await Wal.open({ directory })
  assert.equal(wal.recovery.quarantined.length, 1)
  await wal.close()
})
