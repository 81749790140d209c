import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { MAX_SEQUENCE, type Wal, WalError } from '../../../src/mod.ts'
import type { Operation } from '../../../src/testing/disk/operations.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { FailingDisk } from '../../support/failing-disk.ts'
import { frameOfEntry, frameOfPayload, promiseOf, segmentOf } from '../../support/frames.ts'
import { brief, collect, customOf, idsIn, insert, refusal } from '../../support/logs.ts'
import {
  alterOn,
  contentOf,
  DIRECTORY,
  framesOn,
  headerOn,
  namesOn,
  openOn,
  pictureOf,
  putFile,
  START,
  segmentAt,
  settled,
} from '../../support/simulated-log.ts'

const KIB = 1024
const SEGMENT = /^segment-\d+\.walv$/

const segmentsOn = async (disk: SimulatedDisk): Promise<string[]> =>
  (await namesOn(disk)).filter((name) => SEGMENT.test(name))

const numbersOn = async (disk: SimulatedDisk): Promise<number[]> =>
  (await segmentsOn(disk)).map((name) => Number(name.slice(8, 18)))

const deletion = (seq: number, seed: number, fields = {}): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, ...fields }, seed)

/** A log of one crafted segment. */
async function crafted(
  content: (seed: number) => readonly Buffer[],
  fields: Parameters<typeof segmentOf>[0] = {},
): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await putFile(disk, segmentAt(fields.number ?? 1), segmentOf(fields, content))
  return disk
}

const changes = (operations: readonly Operation[]): string[] =>
  operations
    .filter(({ kind }) => !['read', 'open', 'close', 'list', 'size'].includes(kind))
    .map(({ kind, path }) => `${kind} ${path.replace(`${DIRECTORY}/`, '')}`)

test('a directory is made with all that is missing of its path, each name durable', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { directory: '/a/b/c' })
  const names = disk.ops.filter(({ kind }) => kind === 'makeDirectory' || kind === 'syncDirectory')
  assert.deepEqual(
    names.slice(0, 10).map(({ kind, path }) => `${kind} ${path}`),
    [
      'makeDirectory /a/b/c',
      'makeDirectory /a/b',
      'makeDirectory /a',
      'syncDirectory /',
      'makeDirectory /a/b',
      'syncDirectory /a',
      'makeDirectory /a/b/c',
      'syncDirectory /a/b',
      'syncDirectory /a/b/c',
      'syncDirectory /a/b',
    ],
  )
  assert.equal((await segmentsIn(disk.crash('nothing'), '/a/b/c')).length, 1)
  await wal.close()
})

const segmentsIn = async (disk: SimulatedDisk, path: string): Promise<string[]> =>
  (await namesOn(disk, path)).filter((name) => SEGMENT.test(name))

test('a directory that somebody else makes at the same moment is as good', async () => {
  const disk = new SimulatedDisk()
  let other = false
  disk.onOperation = ({ kind, path }) => {
    if (kind !== 'makeDirectory' || path !== '/data/log') return undefined
    if (other) return { code: 'EEXIST', applied: true }
    other = true
    return undefined
  }
  const wal = await openOn(disk)
  await wal.close()
  assert.equal(other, true)
})

test('a directory that cannot be made is refused in words, and what was made of its path stays', async () => {
  for (const [code, expected] of [
    ['EACCES', 'WALV_PERMISSION'],
    ['EROFS', 'WALV_PERMISSION'],
    ['EIO', 'WALV_IO'],
  ] as const) {
    for (const which of [1, 2]) {
      const disk = new SimulatedDisk()
      let seen = 0
      disk.onOperation = ({ kind, path }) =>
        kind === 'makeDirectory' && path === DIRECTORY && ++seen === which ? { code } : undefined
      await assert.rejects(openOn(disk), (error: WalError) => {
        assert.equal(error.file, DIRECTORY)
        return refusal(expected)(error)
      })
    }
  }
  const disk = new SimulatedDisk()
  await putFile(disk, '/data', Buffer.from('file'))
  await assert.rejects(openOn(disk), refusal('WALV_NOT_A_DIRECTORY'))
  const file = new SimulatedDisk()
  await putFile(file, DIRECTORY, Buffer.from('file'))
  await assert.rejects(openOn(file), refusal('WALV_NOT_A_DIRECTORY'))
})

test('a root that is not there is refused, not sought for ever', async () => {
  const disk = new SimulatedDisk()
  disk.onOperation = ({ kind }) => (kind === 'makeDirectory' ? { code: 'ENOENT' } : undefined)
  await assert.rejects(openOn(disk, { directory: '/' }), refusal('WALV_NO_DIRECTORY'))
  await assert.rejects(openOn(disk), refusal('WALV_NO_DIRECTORY'))
})

test('a directory whose name cannot be made durable is removed again', async () => {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  disk.onOperation = ({ kind, path }) =>
    kind === 'syncDirectory' && path === '/data' ? { code: 'EIO' } : undefined
  await assert.rejects(openOn(disk), refusal('WALV_IO'))
  assert.deepEqual(await namesOn(disk, '/data'), [])
})

test('a directory whose name cannot be made durable is left if somebody put something into it', async () => {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  const makeDirectory = disk.makeDirectory.bind(disk)
  disk.makeDirectory = async (path) => {
    await makeDirectory(path)
    const theirs = await disk.open(`${path}/theirs`, 'create')
    await theirs.close()
  }
  disk.onOperation = ({ kind, path }) =>
    kind === 'syncDirectory' && path === '/data' ? { code: 'EIO' } : undefined
  await assert.rejects(openOn(disk), refusal('WALV_IO'))
  assert.deepEqual(await namesOn(disk), ['theirs'])
})

test('opening a log syncs its directory and the file that was written last, before it goes on', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(100 * KIB))
  await wal.close()
  const from = disk.ops.length
  const again = await openOn(disk)
  assert.deepEqual(changes(disk.ops.slice(from)), [
    'makeDirectory /data/log',
    'lock LOCK',
    'syncDirectory /data/log',
    'sync segment-0000000001.walv',
    'remove segment-0000000002.walv.tmp',
    'create segment-0000000002.walv.tmp',
    'write segment-0000000002.walv.tmp',
    'sync segment-0000000002.walv.tmp',
    'write segment-0000000002.walv.tmp',
    'sync segment-0000000002.walv.tmp',
    'link segment-0000000002.walv.tmp',
    'remove segment-0000000002.walv.tmp',
    'syncDirectory /data/log',
  ])
  const writes = disk.ops.slice(from).filter(({ kind }) => kind === 'write')
  assert.deepEqual(
    writes.map(({ position, bytes }) => [position, bytes]),
    [
      [0, 256 * KIB],
      [0, 1024],
    ],
  )
  await again.close()
})

test('where a log is new the directories above are synced too, but for those that may not be looked into', async () => {
  for (const [code, opens] of [
    ['EACCES', true],
    ['EPERM', true],
    ['EIO', false],
  ] as const) {
    const disk = new SimulatedDisk()
    await disk.makeDirectory('/data')
    await disk.makeDirectory(DIRECTORY)
    disk.onOperation = ({ kind, path }) => (kind === 'syncDirectory' && path === '/' ? { code } : undefined)
    if (opens) await (await openOn(disk)).close()
    else await assert.rejects(openOn(disk), refusal('WALV_IO'))
    const synced = disk.ops.flatMap(({ kind, path }) => (kind === 'syncDirectory' ? [path] : []))
    assert.deepEqual(synced.slice(0, 3), [DIRECTORY, '/data', '/'])
  }
})

test('an error without a code, of the directories above, is none that is passed over', async () => {
  const below = new SimulatedDisk()
  await below.makeDirectory('/data')
  await below.makeDirectory(DIRECTORY)
  const disk = new FailingDisk(below)
  const error = new Error('unplugged')
  disk.fail({ operation: 'syncDirectory', path: /^\/$/, error })
  await assert.rejects(openOn(below, { disk }), error)
})

test('a sync of the last file that fails refuses to open, and the file is closed', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  disk.onOperation = ({ kind, path }) =>
    kind === 'sync' && path === segmentAt(1) ? { code: 'EIO' } : undefined
  const before = await segmentsOn(disk)
  await assert.rejects(openOn(disk), {
    code: 'WALV_IO',
    message: /^The log in \/data\/log cannot be opened; nothing that it held is lost \(EIO/,
  })
  assert.deepEqual(await segmentsOn(disk), before)
  const kinds = (kind: string): number =>
    disk.ops.filter((each) => each.kind === kind && each.path === segmentAt(1)).length
  assert.equal(kinds('open') + kinds('create'), kinds('close'))
})

test('a small last segment is carried over whole into the new one, and removed', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), deletion(1, seed), promiseOf(2, seed)])
  const wal = await openOn(disk, { clock: () => START })
  assert.deepEqual(await numbersOn(disk), [2])
  const header = await headerOn(disk, 2)
  const { logId, ...rest } = header
  assert.equal(logId.toString(), 'crafted by tests')
  assert.deepEqual(rest, {
    number: 2,
    firstSeq: 0,
    durableBefore: 2,
    createdAt: START,
    capacity: 256 * KIB,
    previous: 0,
  })
  assert.deepEqual(
    (await framesOn(disk, 2)).map(({ seq, at }) => [seq, at]),
    [
      [0, 1024],
      [1, 1080],
    ],
    'its records, without its promises',
  )
  assert.deepEqual([wal.recovery.reproved, wal.recovery.segments, wal.stats().segments], [0, 1, 1])
  assert.equal(await wal.append(insert('next', [])), 2)
  assert.deepEqual(
    (await framesOn(disk, 2)).map(({ seq, at }) => [seq, at]),
    [
      [0, 1024],
      [1, 1080],
      [2, 1136],
    ],
  )
  await wal.close()
})

test('a last segment of 64 KiB or more is kept, and only what nothing promises is written again', async () => {
  // Frames of 8 KiB: seven of them, with the header and one more to the byte.
  const fill = (bytes: number, seq: number, seed: number): Buffer =>
    frameOfEntry(
      { type: 'custom', kind: 'k', data: new Uint8Array(bytes - 40 - 9) },
      { seq, durableBefore: seq },
      seed,
    )
  for (const [used, kept] of [
    [64 * KIB - 8, false],
    [64 * KIB, true],
  ] as const) {
    const disk = await crafted(
      (seed) => [
        ...Array.from({ length: 7 }, (_, seq) => fill(8 * KIB, seq, seed)),
        fill(used - 1024 - 56 * KIB, 7, seed),
      ],
      { capacity: 128 * KIB },
    )
    const wal = await openOn(disk)
    assert.deepEqual(await numbersOn(disk), kept ? [1, 2] : [2], `${used} bytes used`)
    const header = await headerOn(disk, 2)
    assert.deepEqual([header.firstSeq, header.durableBefore, header.previous], kept ? [7, 8, 1] : [0, 8, 0])
    assert.deepEqual(
      (await framesOn(disk, 2)).map(({ seq }) => seq),
      kept ? [7] : [0, 1, 2, 3, 4, 5, 6, 7],
    )
    assert.equal(wal.recovery.reproved, 1)
    assert.equal((await collect(wal.read())).length, 8)
    await wal.close()
  }
})

test('a last segment that is damaged, or has lost its header, is not carried over', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), deletion(1, seed), promiseOf(2, seed)])
  await alterOn(disk, segmentAt(1), (content) => content.fill(0, 0, 512))
  const wal = await openOn(disk)
  assert.deepEqual(
    wal.recovery.damage.map(({ kind }) => kind),
    ['segment-header'],
  )
  assert.deepEqual(await numbersOn(disk), [1, 2])
  assert.deepEqual((await framesOn(disk, 2)).length, 0)
  assert.deepEqual(await idsIn(wal), ['id-0', 'id-1'])
  await wal.close()
})

test('what is lost in a segment is not carried over with what nothing in it promises', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    Buffer.alloc(56, 1),
    deletion(2, seed, { durableBefore: 2 }),
    deletion(3, seed),
  ])
  const wal = await openOn(disk, { recovery: 'salvage' })
  assert.deepEqual([wal.recovery.damage.map(brief), wal.recovery.reproved], [['corrupt 1..1 true'], 2])
  assert.deepEqual(
    (await framesOn(disk, 2)).map(({ seq, type }) => [seq, type]),
    [
      [2, FRAME_TYPES.delete],
      [3, FRAME_TYPES.delete],
    ],
  )
  await wal.close()
  const again = await openOn(disk, { recovery: 'salvage' })
  assert.deepEqual(again.recovery.damage.map(brief), ['corrupt 1..1 true'])
  await again.close()
})

test('a torn tail does not keep a small segment from being carried over, nor does damage elsewhere', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    deletion(1, seed, { durableBefore: 1 }),
    Buffer.alloc(100, 1),
  ])
  const wal = await openOn(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['torn-tail false'])
  assert.deepEqual(await numbersOn(disk), [2])
  assert.deepEqual([wal.recovery.reproved, await idsIn(wal)], [1, ['id-0', 'id-1']])
  await wal.close()
  const other = await crafted((seed) => [deletion(0, seed)])
  await alterOn(other, segmentAt(1), (content) => content.fill(0, 0, 512))
  const last = segmentOf({ number: 2, firstSeq: 1, durableBefore: 1 }, (seed) => [
    deletion(1, seed),
    promiseOf(2, seed),
  ])
  await putFile(other, segmentAt(2), last)
  const opened = await openOn(other)
  assert.deepEqual(opened.recovery.damage.map(brief), ['segment-header false'])
  assert.deepEqual([await numbersOn(other), (await headerOn(other, 3)).firstSeq], [[1, 3], 1])
  await opened.close()
})

test('only the segments that hold something to be carried over are read again', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  for (const [number, firstSeq] of [
    [2, 1],
    [3, 2],
  ] as const) {
    const content = segmentOf({ number, firstSeq, durableBefore: 1 }, (seed) =>
      number === 2 ? [deletion(1, seed)] : [],
    )
    await putFile(disk, segmentAt(number), content)
  }
  const from = disk.ops.length
  const wal = await openOn(disk)
  assert.deepEqual([wal.recovery.reproved, (await headerOn(disk, 4)).firstSeq], [1, 1])
  const opened = disk.ops.slice(from).map(({ kind, path }) => `${kind} ${path}`)
  const made = opened.indexOf(`create ${segmentAt(4)}.tmp`)
  const named = opened.indexOf(`link ${segmentAt(4)}.tmp`)
  assert.deepEqual(
    opened.slice(made, named).filter((each) => each.startsWith('open')),
    [`open ${segmentAt(2)}`],
  )
  await wal.close()
})

test('the file that was written last is opened for writing, to be synced', async () => {
  const below = await crafted((seed) => [deletion(0, seed)])
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk })
  const modes = disk.calls.flatMap(({ operation, path, mode }) =>
    operation === 'open' && path === segmentAt(1) ? [mode] : [],
  )
  assert.deepEqual([...new Set(modes)], ['read', 'write'])
  await wal.close()
})

test('the new segment has room for what is carried over and 256 KiB more, in whole pages, if that is much', async () => {
  // The last of 16 makes it half of 256 KiB to the byte.
  for (const [records, last, capacity] of [
    [15, 8 * KIB, 256 * KIB],
    [16, 7 * KIB, 256 * KIB],
    [16, 7 * KIB + 8, 256 * KIB + 132 * KIB],
    [40, 8 * KIB, 256 * KIB + Math.ceil((1024 + 40 * 8 * KIB) / 4096) * 4096],
  ] as const) {
    const disk = await crafted(
      (seed) =>
        Array.from({ length: records }, (_, seq) =>
          frameOfEntry(
            { type: 'custom', kind: 'k', data: new Uint8Array((seq === records - 1 ? last : 8 * KIB) - 49) },
            { seq },
            seed,
          ),
        ),
      { capacity: 512 * KIB },
    )
    const wal = await openOn(disk)
    assert.equal((await headerOn(disk, 2)).capacity, capacity)
    assert.equal((await contentOf(disk, segmentAt(2))).length, capacity)
    assert.equal(wal.recovery.reproved, records)
    await wal.append(insert('next'))
    assert.equal(wal.stats().rotations, 0)
    assert.equal((await collect(wal.read())).length, records + 1)
    await wal.close()
  }
})

test('a log that was closed in order is gone on with in a segment of 256 KiB, and its last segment is read once', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(200 * KIB))
  await wal.close()
  const from = disk.ops.length
  const again = await openOn(disk)
  assert.equal((await headerOn(disk, 2)).capacity, 256 * KIB)
  const readings = disk.ops
    .slice(from)
    .filter(({ kind, path, bytes }) => kind === 'read' && path === segmentAt(1) && bytes! > 1024)
  assert.equal(readings.length, 1)
  await again.close()
})

test('records of more than 1 MiB are carried over as well', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await wal.append(insert('a'))
  const data = new Uint8Array(3 * KIB * KIB + 7).map((_, index) => index % 251)
  await wal.append({ type: 'custom', kind: 'large', data })
  await wal.append(insert('b'))
  const left = disk.kill()
  await wal.close()
  const again = await openOn(left)
  assert.equal(again.recovery.reproved, 2, 'what was synced before the large one is not')
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ entry }) => entry.type),
    ['insert', 'custom', 'insert'],
  )
  const { entry } = found[1]!
  assert.ok(entry.type === 'custom' && Buffer.from(data).equals(entry.data))
  await again.close()
})

test('what earlier processes left unfinished is removed: temporary files, superseded and unused segments', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), promiseOf(1, seed)], { number: 3, previous: 0 })
  await putFile(disk, segmentAt(1), segmentOf({ number: 1 }))
  await putFile(disk, segmentAt(4), Buffer.alloc(4096))
  for (const name of ['segment-0000000009.walv.tmp', 'mine.tmp', 'mine.walv.tmp'])
    await putFile(disk, `${DIRECTORY}/${name}`, Buffer.from('left'))
  const wal = await openOn(disk)
  assert.deepEqual(await namesOn(disk), ['LOCK', 'mine.tmp', 'mine.walv.tmp', 'segment-0000000005.walv'])
  assert.deepEqual(await namesOn(disk.crash('nothing')), [
    'LOCK',
    'mine.tmp',
    'mine.walv.tmp',
    'segment-0000000005.walv',
  ])
  assert.deepEqual([wal.recovery.damage, await idsIn(wal)], [[], ['id-0']])
  await wal.close()
})

test('transactions that were open are aborted in the log, a prepared one is not', async () => {
  const disk = await crafted((seed) => [
    ...[0, 1, 2, 3].map((id) =>
      frameOfEntry({ type: 'beginTransaction' }, { seq: id, transactionId: id }, seed),
    ),
    frameOfEntry({ type: 'abortTransaction' }, { seq: 4, transactionId: 2 }, seed),
    frameOfEntry({ type: 'prepareTransaction' }, { seq: 5, transactionId: 0 }, seed),
  ])
  const wal = await openOn(disk)
  assert.deepEqual(wal.recovery.transactions, { committed: 0, aborted: 3, inDoubt: [0] })
  const aborts = await collect(wal.read({ from: 6 }))
  assert.deepEqual(
    aborts.map(({ entry, transactionId }) => [entry.type, transactionId]),
    [
      ['abortTransaction', 1],
      ['abortTransaction', 3],
    ],
  )
  assert.deepEqual(
    [wal.durableSeq, wal.inDoubt.map(({ id }) => id), wal.stats().openTransactions],
    [7, [0], 1],
  )
  await wal.close()
})

test('the report tells what was read', async () => {
  const disk = await crafted(
    (seed) => [
      deletion(0, seed, { timestamp: START }),
      frameOfEntry({ type: 'gap', throughSeq: 4 }, { seq: 1 }, seed),
      deletion(5, seed),
      promiseOf(6, seed, 2),
      promiseOf(6, seed, 2),
    ],
    { capacity: 8192 },
  )
  const started = performance.now()
  const { durationMs, ...report } = (await openOn(disk, { readOnly: true })).recovery
  const elapsed = performance.now() - started
  assert.deepEqual(report, {
    entries: 3,
    bytes: 56 + 48 + 56,
    segments: 1,
    lastSeq: 5,
    transactions: { committed: 0, aborted: 0, inDoubt: [] },
    checkpoints: 0,
    snapshotSeq: undefined,
    damage: [],
    gaps: [{ from: 1, through: 4 }],
    incompleteTransactions: [],
    closedInOrder: true,
    reproved: 0,
    quarantined: [],
  })
  assert.ok(durationMs > 0 && durationMs <= elapsed)
})

test('a gap that says what none can say is damage', async () => {
  for (const [bytes, through, isGap] of [
    [8, 1n, true],
    [8, BigInt(MAX_SEQUENCE), true],
    [8, 0n, false],
    [8, BigInt(MAX_SEQUENCE) + 1n, false],
    [16, 1n, false],
  ] as const) {
    const payload = Buffer.alloc(bytes)
    payload.writeBigUInt64LE(through)
    const disk = await crafted((seed) => [
      deletion(0, seed),
      frameOfPayload(payload, { type: FRAME_TYPES.gap, seq: 1 }, seed),
      deletion(2, seed),
      promiseOf(3, seed),
    ])
    const { damage, gaps } = (await openOn(disk, { readOnly: true, recovery: 'salvage' })).recovery
    assert.deepEqual(gaps, isGap ? [{ from: 1, through: Number(through) }] : [], `${bytes} bytes, ${through}`)
    if (isGap) continue
    assert.deepEqual(damage[0]?.seqs, [{ from: 1, through: 1 }])
    assert.match(damage[0].detail, /the content does not match its checksum/)
  }
})

test('what is written again is counted, and a reader writes nothing again', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    deletion(1, seed, { durableBefore: 1 }),
    deletion(2, seed),
  ])
  assert.equal((await openOn(disk, { readOnly: true })).recovery.reproved, 0)
  const wal = await openOn(disk)
  assert.equal(wal.recovery.reproved, 2)
  assert.deepEqual([wal.durableSeq, wal.lastSeq], [2, 2])
  await wal.close()
})

test('the first record of a trimmed log does not count what was before it as written again', async () => {
  const disk = await crafted((seed) => [deletion(7, seed), deletion(8, seed)], { firstSeq: 7 })
  const wal = await openOn(disk, { recovery: 'salvage' })
  assert.equal(wal.recovery.reproved, 2)
  assert.equal(wal.stats().firstSeq, 7)
  await wal.close()
})

test('a reader sees what is promised, and tells how far; it closes every file and takes no lock', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), deletion(1, seed, { durableBefore: 1 })])
  const before = await pictureOf(disk)
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual([wal.lastSeq, wal.durableSeq], [1, 0])
  assert.deepEqual(wal.stats(), {
    firstSeq: 0,
    lastSeq: 1,
    durableSeq: 0,
    segments: 1,
    bytes: 16 * KIB,
    pendingBytes: 0,
    groups: 0,
    syncs: 0,
    bytesWritten: 0,
    rotations: 0,
    lastSyncMs: 0,
    medianSyncMs: undefined,
    openTransactions: 0,
    checkpoints: 0,
    lastCheckpointAt: undefined,
    checkpointAgeMs: undefined,
    poisoned: false,
    upkeepFailures: 0,
    lastUpkeepError: undefined,
  })
  assert.deepEqual(wal.inDoubt, [])
  assert.equal(wal.lastCheckpoint, undefined)
  for (const work of [
    () => wal.append(insert('a')),
    () => wal.appendBatch([]),
    async () => wal.submit(insert('a')),
    async () => wal.begin(),
    () => wal.flush(),
    () => wal.checkpoint({ seq: 0, snapshot: async () => null }),
  ])
    await assert.rejects(work, (error: WalError) => {
      assert.equal(
        error.message,
        'The log in /data/log is open read-only. Open it without readOnly to change it. Nothing was logged.',
      )
      return refusal('WALV_READ_ONLY', 'not-logged')(error)
    })
  await wal.close()
  assert.throws(() => wal.read(), refusal('WALV_CLOSED', 'not-logged'))
  assert.deepEqual(await pictureOf(disk), before)
  const of = (kind: string): number => disk.ops.filter((each) => each.kind === kind).length
  assert.equal(of('lock'), 0)
})

test('a closed log refuses everything and says so', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a'))
  const closing = wal.close()
  assert.equal(wal.close(), closing)
  for (const work of [() => wal.submit(insert('b')), () => wal.begin(), () => wal.read(), () => wal.replay()])
    assert.throws(work, (error: WalError) => {
      assert.equal(error.message, 'The log in /data/log is closed. Open it again. Nothing was logged.')
      return refusal('WALV_CLOSED', 'not-logged')(error)
    })
  await closing
  await assert.rejects(wal.append(insert('b')), refusal('WALV_CLOSED'))
  await assert.rejects(wal.flush(), refusal('WALV_CLOSED'))
})

test('a second writer is refused with who has the log, in words and as it stands', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { clock: () => START })
  await assert.rejects(openOn(disk), (error: WalError) => {
    const owner = { pid: process.pid, host: hostname(), startedAt: new Date(START).toISOString() }
    assert.equal(error.detail, JSON.stringify(owner))
    assert.equal(error.file, `${DIRECTORY}/LOCK`)
    assert.equal(
      error.message,
      `The log in /data/log is open for writing in process ${process.pid} on ${hostname()} since ${owner.startedAt}, this very process. Another part of the program, or an earlier copy of this module that a development server has replaced, has not closed it: share one log, for example through globalThis, or close it first, or open it here with readOnly.`,
    )
    return refusal('WALV_LOCKED')(error)
  })
  await wal.close()
  await disk.lock(`${DIRECTORY}/LOCK`, 'not JSON')
  await assert.rejects(openOn(disk), {
    code: 'WALV_LOCKED',
    detail: 'not JSON',
    message:
      'The log in /data/log is open for writing in another process. Close it there, or open it here with readOnly.',
  })
})

test('a lock that cannot be taken is refused in words', async () => {
  const disk = new SimulatedDisk()
  disk.onOperation = ({ kind }) => (kind === 'lock' ? { code: 'EACCES' } : undefined)
  await assert.rejects(openOn(disk), { code: 'WALV_PERMISSION', file: DIRECTORY })
})

test('an open that fails, at whatever operation, gives the lock back, and the next one finds everything', async () => {
  const prepared = await crafted((seed) => [deletion(0, seed), deletion(1, seed), promiseOf(2, seed)])
  await putFile(prepared, `${segmentAt(5)}.tmp`, Buffer.from('left'))
  const probe = prepared.kill()
  await openOn(probe)
  for (const { number, kind } of probe.ops) {
    const disk = prepared.kill()
    disk.onOperation = (operation) => (operation.number === number ? { code: 'EMFILE' } : undefined)
    const first = await openOn(disk).then(
      (wal) => wal.close(),
      (error) => assert.ok(error instanceof WalError, `${kind}: ${error}`),
    )
    assert.equal(first, undefined)
    disk.onOperation = undefined
    const again = await openOn(disk)
    assert.deepEqual(await idsIn(again), ['id-0', 'id-1'])
    await again.close()
  }
})

test('an abort ends opening with an error of its own, before or while it reads', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  const before = await pictureOf(disk)
  const check = (error: WalError): boolean => {
    assert.equal(error.message, 'Opening the log was aborted. Nothing that it held is lost.')
    assert.equal((error.cause as Error).message, 'enough')
    return refusal('WALV_ABORTED')(error)
  }
  await assert.rejects(openOn(disk, { signal: AbortSignal.abort(new Error('enough')) }), check)
  assert.deepEqual(await pictureOf(disk), before)
  for (const readOnly of [false, true]) {
    const controller = new AbortController()
    disk.onOperation = ({ kind, path }) => {
      if (kind === 'open' && path === segmentAt(1)) controller.abort(new Error('enough'))
      return undefined
    }
    await assert.rejects(openOn(disk, { signal: controller.signal, readOnly }), check)
    disk.onOperation = undefined
  }
  assert.deepEqual(await segmentsOn(disk), ['segment-0000000001.walv'])
  await (await openOn(disk)).close()
})

test('progress is told in bytes, up to all of them', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 64 * KIB })
  for (let count = 0; count < 5; count++) await wal.append(customOf(200 * KIB))
  await wal.close()
  const told: [number, number][] = []
  const reader = await openOn(disk, { readOnly: true, onProgress: (done, total) => told.push([done, total]) })
  const { bytes } = reader.stats()
  assert.equal(told.length, reader.stats().segments)
  assert.ok(told.every(([, total]) => total === bytes))
  assert.deepEqual(told.at(-1), [bytes, bytes])
  assert.deepEqual(
    told,
    told.toSorted(([a], [b]) => a - b),
  )
})

test('a log without a valid header is refused by every writer, and one that is nothing but zeros too', async () => {
  for (const content of [Buffer.alloc(4096, 7), Buffer.alloc(4096)]) {
    for (const recovery of ['strict', 'salvage', 'repair'] as const) {
      const disk = new SimulatedDisk()
      await putFile(disk, segmentAt(1), content)
      const before = await pictureOf(disk)
      await assert.rejects(openOn(disk, { recovery }), (error: WalError) => {
        if (recovery !== 'strict') {
          assert.equal(error.file, DIRECTORY)
          assert.equal(
            error.message,
            'No segment in /data/log has a valid header, or none is there, so that nothing can be read. Nothing was changed. Restore a backup, or move the files away to start anew.',
          )
        }
        return refusal('WALV_DAMAGED')(error)
      })
      assert.deepEqual(
        (await pictureOf(disk)).filter(([path]) => !path.endsWith('LOCK')),
        before,
      )
    }
  }
})

test('a directory without a segment, but with what is named like one, is an empty log', async () => {
  for (const recovery of ['strict', 'salvage', 'repair'] as const) {
    const disk = new SimulatedDisk()
    await putFile(disk, `${segmentAt(9)}/file`, Buffer.from('mine'))
    const wal = await openOn(disk, { recovery })
    assert.deepEqual([wal.recovery.damage.map(brief), wal.lastSeq], [['foreign false'], -1])
    assert.deepEqual(await segmentsOn(disk), ['segment-0000000009.walv', 'segment-0000000010.walv'])
    await wal.close()
  }
})

test("a last file that was cut is refused by 'strict', and gone on behind by 'salvage' and 'repair'", async () => {
  for (const recovery of ['strict', 'salvage', 'repair'] as const) {
    const disk = await crafted((seed) => [deletion(0, seed)])
    await alterOn(disk, segmentAt(1), (content) => content.subarray(0, 2048))
    if (recovery === 'strict') {
      await assert.rejects(openOn(disk), refusal('WALV_DAMAGED'))
      continue
    }
    const wal = await openOn(disk, { recovery })
    assert.deepEqual([wal.recovery.damage.map(brief), await idsIn(wal)], [['truncated null'], ['id-0']])
    await wal.close()
  }
})

test('segments of two logs are refused by every writer, and the error tells which is foreign', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), promiseOf(1, seed)])
  await putFile(disk, segmentAt(2), segmentOf({ number: 2, logId: Buffer.alloc(16, 9) }))
  for (const recovery of ['salvage', 'repair'] as const)
    await assert.rejects(openOn(disk, { recovery }), {
      code: 'WALV_FOREIGN_LOG',
      file: 'segment-0000000002.walv',
      message:
        '/data/log holds what may be of another log: segment-0000000002.walv belongs to another log. Move it out of this directory. Nothing was changed.',
    })
  const reader = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(await idsIn(reader), ['id-0'])
})

test('the lock is free once closing has ended, also where the disk does not like it', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  disk.onOperation = ({ kind }) => (kind === 'unlock' ? { code: 'EIO', applied: true } : undefined)
  await wal.close()
  disk.onOperation = undefined
  await (await openOn(disk)).close()
})

test('a directory is found by a relative path too, and told as an absolute one', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { directory: 'relative/log' })
  assert.equal(wal.directory, `${process.cwd()}/relative/log`)
  await wal.close()
})

test('opening over and over leaves one segment and keeps all records and their timestamps', async () => {
  const disk = new SimulatedDisk()
  for (let round = 0; round < 10; round++) {
    const wal = await openOn(disk, { clock: () => START + round })
    await wal.append(insert(`${round}`))
    await wal.close()
  }
  assert.deepEqual(await numbersOn(disk), [10])
  const wal = await openOn(disk, { readOnly: true })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, timestamp }) => timestamp - START - seq),
    Array.from({ length: 10 }, () => 0),
  )
})

test('a header says which segment it goes on from, also behind one that was opened and not used', async () => {
  const disk = new SimulatedDisk()
  const fill = async (wal: Wal): Promise<void> => {
    for (let count = 0; count < 2; count++) await wal.append(customOf(200 * KIB))
  }
  let wal = await openOn(disk)
  await fill(wal)
  await wal.close()
  wal = await openOn(disk)
  await wal.append(customOf(600 * KIB))
  await settled()
  await wal.close()
  const previous: [number, number][] = []
  for (const number of await numbersOn(disk)) previous.push([number, (await headerOn(disk, number)).previous])
  assert.deepEqual(previous, [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
  ])
  assert.equal((await openOn(disk, { readOnly: true })).recovery.damage.length, 0)
})

test('what is carried over is records, without the promises between them', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    promiseOf(1, seed),
    deletion(1, seed, { durableBefore: 1 }),
  ])
  const wal = await openOn(disk)
  const frames = await framesOn(disk, 2)
  assert.deepEqual(
    frames.map(({ type }) => type),
    [FRAME_TYPES.delete, FRAME_TYPES.delete],
  )
  await wal.close()
})

test('an opening that fails late has stopped before it gives the lock back: no file is open, and nothing is written later', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.begin().insert('open', [1])
  await wal.flush()
  const left = disk.kill()
  left.onOperation = ({ kind, path }) =>
    kind === 'list' && path.endsWith('/snapshots') ? { code: 'EIO' } : undefined
  await assert.rejects(openOn(left), { code: 'WALV_IO' })
  const kinds = left.ops.map(({ kind }) => kind)
  const count = (...of: string[]): number => kinds.filter((kind) => of.includes(kind)).length
  assert.equal(count('open', 'create'), count('close'))
  assert.equal(kinds.at(-1), 'unlock')
  left.onOperation = undefined
  const again = await openOn(left)
  assert.deepEqual(again.recovery.damage, [])
  await again.close()
})
