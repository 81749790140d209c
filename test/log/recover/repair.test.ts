import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { segmentName } from '../../../src/format/segment.ts'
import type { Wal } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { FailingDisk } from '../../support/failing-disk.ts'
import { frameOfEntry, promiseOf, segmentOf } from '../../support/frames.ts'
import { brief, collect, refusal } from '../../support/logs.ts'
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
} from '../../support/simulated-log.ts'

const KIB = 1024
const QUARANTINE = `${DIRECTORY}/quarantine`

/** A record of so many bytes of data. */
const custom = (seq: number, seed: number, bytes = 100): Buffer =>
  frameOfEntry(
    { type: 'custom', kind: 'k', data: Buffer.alloc(bytes, seq + 1) },
    { seq, durableBefore: seq, timestamp: START + seq },
    seed,
  )

/** Three segments of three records each, the last one closed in order. */
async function threeSegments(bytes = 100): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  for (const number of [1, 2, 3]) {
    const firstSeq = 3 * number - 3
    const content = segmentOf({ number, firstSeq, durableBefore: firstSeq, capacity: 16 * KIB }, (seed) => [
      ...[0, 1, 2].map((index) => custom(firstSeq + index, seed, bytes)),
      ...(number === 3 ? [promiseOf(9, seed, 2), promiseOf(9, seed, 2)] : []),
    ])
    await putFile(disk, segmentAt(number), content)
  }
  return disk
}

/** Spoils the content of a record. */
async function spoil(disk: SimulatedDisk, seq: number): Promise<void> {
  const number = Math.floor(seq / 3) + 1
  const { at } = (await framesOn(disk, number)).find((frame) => frame.seq === seq)!
  await alterOn(disk, segmentAt(number), (content) => {
    content[at + 80]! ^= 1
  })
}

const repair = (disk: SimulatedDisk): Promise<Wal> => openOn(disk, { recovery: 'repair' })

/** Numbers of the records, gaps as ranges. */
async function recordsIn(wal: Wal): Promise<string[]> {
  const found = await collect(wal.read())
  return found.map(({ seq, entry }) => (entry.type === 'gap' ? `${seq}-${entry.throughSeq}` : String(seq)))
}

test('a damaged segment is written anew with all that verifies, a gap in the place of each loss, and its promises', async () => {
  const disk = await threeSegments()
  const damaged = await (async () => {
    await spoil(disk, 4)
    return contentOf(disk, segmentAt(2))
  })()
  const [first, third] = [await contentOf(disk, segmentAt(1)), await contentOf(disk, segmentAt(3))]
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 4..4 true'])
  assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${segmentName(2)}`])
  assert.deepEqual(await contentOf(disk, `${QUARANTINE}/${segmentName(2)}`), damaged)
  assert.deepEqual(await contentOf(disk, segmentAt(1)), first, 'what is not damaged is left as it is')
  assert.equal(
    (await namesOn(disk)).includes(segmentName(3)),
    false,
    'the last one is small, and carried over',
  )
  assert.ok(third.length > 0)
  const { logId, ...header } = await headerOn(disk, 2)
  assert.equal(logId.toString(), 'crafted by tests')
  assert.deepEqual(header, {
    number: 2,
    firstSeq: 3,
    durableBefore: 9,
    createdAt: 0,
    capacity: 80 * KIB,
    previous: 1,
  })
  assert.equal((await contentOf(disk, segmentAt(2))).length, 80 * KIB)
  const frames = await framesOn(disk, 2)
  assert.deepEqual(
    frames.map(({ seq, type, at }) => [seq, type, at]),
    [
      [3, FRAME_TYPES.custom, 1024],
      [4, FRAME_TYPES.gap, 1176],
      [5, FRAME_TYPES.custom, 1224],
    ],
  )
  assert.deepEqual(
    frames.map(({ timestamp }) => timestamp - START),
    [3, 3, 5],
    'a gap has the time of the record before it',
  )
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4-4', '5', '6', '7', '8'])
  assert.deepEqual(wal.recovery.gaps, [{ from: 4, through: 4 }])
  await wal.close()
  const again = await openOn(disk)
  assert.deepEqual([again.recovery.damage, again.recovery.gaps], [[], [{ from: 4, through: 4 }]])
  await again.close()
})

test('the copies and the new segments are durable before anything else is done', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const from = disk.ops.length
  const wal = await repair(disk)
  const steps = disk.ops
    .slice(from)
    .filter(({ kind }) => ['create', 'sync', 'rename', 'syncDirectory', 'makeDirectory'].includes(kind))
    .map(({ kind, path }) => `${kind} ${path.replace(`${DIRECTORY}/`, '')}`)
  const begin = steps.indexOf('makeDirectory quarantine')
  assert.deepEqual(steps.slice(begin, begin + 11), [
    'makeDirectory quarantine',
    'syncDirectory /data/log',
    `create quarantine/${segmentName(2)}.tmp`,
    `sync quarantine/${segmentName(2)}.tmp`,
    `rename quarantine/${segmentName(2)}.tmp`,
    'syncDirectory quarantine',
    `create ${segmentName(2)}.tmp`,
    // Its zeros, and then what it holds.
    `sync ${segmentName(2)}.tmp`,
    `sync ${segmentName(2)}.tmp`,
    `rename ${segmentName(2)}.tmp`,
    'syncDirectory /data/log',
  ])
  const left = disk.crash('nothing')
  assert.deepEqual(await namesOn(left, QUARANTINE), [segmentName(2)])
  await wal.close()
})

test('a loss at the beginning and at the end of a segment, and in several, are all named', async () => {
  const disk = await threeSegments()
  for (const seq of [0, 5, 6]) await spoil(disk, seq)
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), [
    'corrupt 0..0 true',
    'corrupt 5..5 true',
    'corrupt 6..6 true',
  ])
  assert.deepEqual(
    wal.recovery.quarantined,
    [1, 2, 3].map((number) => `${QUARANTINE}/${segmentName(number)}`),
  )
  assert.deepEqual(await recordsIn(wal), ['0-0', '1', '2', '3', '4', '5-5', '6-6', '7', '8'])
  assert.equal((await headerOn(disk, 1)).previous, 0)
  await wal.close()
})

test('a segment that is missing becomes a gap at the beginning of the next', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['missing-segment 3..5 true'])
  assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${segmentName(3)}`])
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3-5', '6', '7', '8'])
  await wal.close()
  const again = await openOn(disk)
  assert.deepEqual(again.recovery.damage, [])
  await again.close()
})

test('only the next segment gets the gap of a missing one, whatever else is damaged', async () => {
  const disk = await threeSegments()
  await spoil(disk, 1)
  await disk.remove(segmentAt(2))
  const wal = await repair(disk)
  assert.deepEqual(await recordsIn(wal), ['0', '1-1', '2', '3-5', '6', '7', '8'])
  await wal.close()
})

test('what nothing promised is not promised by a segment that is written anew', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const [, , , promise] = await framesOn(disk, 3)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, promise!.at))
  const wal = await repair(disk)
  assert.deepEqual([(await headerOn(disk, 2)).durableBefore, wal.lastSeq], [8, 8])
  await wal.close()
})

test('a first segment that is missing becomes a gap from record 0 on', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(1))
  const wal = await repair(disk)
  assert.deepEqual(await recordsIn(wal), ['0-2', '3', '4', '5', '6', '7', '8'])
  assert.deepEqual([wal.stats().firstSeq, (await headerOn(disk, 2)).previous], [0, 0])
  await wal.close()
})

test('a header that does not verify is written anew, and its records with it', async () => {
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(2), (content) => content.fill(0, 0, 1024))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['segment-header false', 'segment-header false'])
  assert.deepEqual(
    wal.recovery.quarantined,
    [`${QUARANTINE}/${segmentName(2)}`],
    'once, whatever is wrong with it',
  )
  assert.equal((await headerOn(disk, 2)).firstSeq, 3)
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4', '5', '6', '7', '8'])
  await wal.close()
})

test('a file that was cut gets room for what is left of it, and more', async () => {
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(2), (content) => content.subarray(0, 1024 + 2 * 152))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 5..5 true', 'truncated false'])
  const { capacity } = await headerOn(disk, 2)
  assert.deepEqual([capacity, (await contentOf(disk, segmentAt(2))).length], [68 * KIB, 68 * KIB])
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4', '5-5', '6', '7', '8'])
  await wal.close()
})

test('a torn tail is cut, and needs no repair; a foreign directory neither', async () => {
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(3), (content) => {
    content.fill(1, 1024 + 3 * 152, 1024 + 3 * 152 + 80)
  })
  await disk.makeDirectory(segmentAt(9))
  const before = await contentOf(disk, segmentAt(1))
  const wal = await repair(disk)
  assert.deepEqual(
    wal.recovery.damage.map(({ kind }) => kind),
    ['foreign', 'torn-tail'],
  )
  assert.deepEqual(wal.recovery.quarantined, [])
  assert.deepEqual(await contentOf(disk, segmentAt(1)), before)
  await wal.close()
})

test("a log that has nothing to repair, or a torn tail, is opened by 'repair' as by 'strict'", async () => {
  for (const torn of [false, true]) {
    const disk = await threeSegments()
    if (torn)
      await alterOn(disk, segmentAt(3), (content) => content.fill(1, 1024 + 3 * 152, 1024 + 3 * 152 + 80))
    const strict = disk.kill()
    const opened = [await repair(disk), await openOn(strict)]
    assert.deepEqual(opened[0]!.recovery.damage.map(brief), torn ? ['torn-tail false'] : [])
    assert.deepEqual(await namesOn(disk), await namesOn(strict))
    assert.deepEqual(
      disk.ops.map(({ kind, path }) => `${kind} ${path}`).slice(-strict.ops.length),
      strict.ops.map(({ kind, path }) => `${kind} ${path}`),
    )
    for (const wal of opened) await wal.close()
  }
})

test('what is in quarantine stays there, under its name', async () => {
  const disk = await threeSegments()
  await putFile(disk, `${QUARANTINE}/${segmentName(2)}`, Buffer.from('older'))
  await spoil(disk, 4)
  const damaged = await contentOf(disk, segmentAt(2))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${segmentName(2)}.1`])
  assert.equal((await contentOf(disk, `${QUARANTINE}/${segmentName(2)}`)).toString(), 'older')
  assert.deepEqual(await contentOf(disk, `${QUARANTINE}/${segmentName(2)}.1`), damaged)
  await wal.close()
})

test('a copy that an earlier attempt left is the copy, if it is the same to the last byte', async () => {
  for (const [content, isCopy] of [
    [(damaged: Buffer) => damaged, true],
    [(damaged: Buffer) => damaged.subarray(0, -1), false],
    [(damaged: Buffer) => Buffer.concat([damaged, Buffer.of(0)]), false],
    [(damaged: Buffer) => Buffer.from(damaged).fill(3, 1100, 1101), false],
    [() => Buffer.alloc(0), false],
  ] as const) {
    const disk = await threeSegments()
    await spoil(disk, 4)
    const damaged = await contentOf(disk, segmentAt(2))
    await putFile(disk, `${QUARANTINE}/${segmentName(2)}`, Buffer.from('another'))
    await putFile(disk, `${QUARANTINE}/${segmentName(2)}.1`, content(damaged))
    await putFile(disk, `${QUARANTINE}/${segmentName(2)}.tmp`, Buffer.from('half'))
    await putFile(disk, `${QUARANTINE}/${segmentName(22)}`, damaged)
    const wal = await repair(disk)
    const name = `${segmentName(2)}.${isCopy ? 1 : 2}`
    assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${name}`])
    const names = [
      segmentName(2),
      `${segmentName(2)}.1`,
      ...(isCopy ? [] : [`${segmentName(2)}.2`]),
      segmentName(22),
    ]
    assert.deepEqual(await namesOn(disk, QUARANTINE), names)
    assert.deepEqual(await contentOf(disk, `${QUARANTINE}/${name}`), damaged)
    await wal.close()
  }
})

test('a copy that an earlier attempt left may have the name of the segment itself', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  await putFile(disk, `${QUARANTINE}/${segmentName(2)}`, await contentOf(disk, segmentAt(2)))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${segmentName(2)}`])
  assert.deepEqual(await namesOn(disk, QUARANTINE), [segmentName(2)])
  await wal.close()
})

test('a copy that goes on where the segment ends is none, also behind a whole MiB', async () => {
  for (const more of [0, 1, KIB * KIB]) {
    const disk = await threeSegments()
    const content = segmentOf({ number: 2, firstSeq: 3, durableBefore: 3, capacity: KIB * KIB }, (seed) =>
      [3, 4, 5].map((seq) => custom(seq, seed)),
    )
    content[1024 + 152 + 80]! ^= 1
    await putFile(disk, segmentAt(2), content)
    await putFile(disk, `${QUARANTINE}/${segmentName(2)}`, Buffer.concat([content, Buffer.alloc(more)]))
    const wal = await repair(disk)
    const name = more === 0 ? segmentName(2) : `${segmentName(2)}.1`
    assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${name}`])
    assert.ok(content.equals(await contentOf(disk, `${QUARANTINE}/${name}`)))
    await wal.close()
  }
})

test('every file is closed again, and what is only read is opened for reading', async () => {
  const below = await threeSegments()
  await spoil(below, 4)
  for (const name of [segmentName(2), `${segmentName(2)}.1`])
    await putFile(below, `${QUARANTINE}/${name}`, Buffer.from('another'))
  const from = below.ops.length
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk, recovery: 'repair' })
  await wal.close()
  const of = (...kinds: string[]): number =>
    below.ops.slice(from).filter(({ kind }) => kinds.includes(kind)).length
  assert.equal(of('open', 'create'), of('close'))
  const modes = disk.calls.flatMap(({ operation, path, mode }) =>
    operation === 'open' && path.startsWith(QUARANTINE) ? [`${mode} ${path.split('/').at(-1)}`] : [],
  )
  assert.deepEqual(modes, [
    `read ${segmentName(2)}`,
    `read ${segmentName(2)}.1`,
    `create ${segmentName(2)}.tmp`,
  ])
  assert.ok(
    disk.calls.every(
      ({ operation, path, mode }) => operation !== 'open' || path !== segmentAt(2) || mode === 'read',
    ),
  )
})

test('a copy that cannot be made leaves nothing behind, and the log as it was', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const before = await contentOf(disk, segmentAt(2))
  for (const kind of ['write', 'sync', 'rename'] as const) {
    disk.onOperation = (operation) =>
      operation.kind === kind && operation.path.startsWith(QUARANTINE) ? { code: 'ENOSPC' } : undefined
    await assert.rejects(repair(disk), refusal('WALV_DISK_FULL'))
    assert.deepEqual(await namesOn(disk, QUARANTINE), [])
    assert.deepEqual(await contentOf(disk, segmentAt(2)), before)
  }
  disk.onOperation = undefined
  await (await repair(disk)).close()
})

test('a segment of more than 1 MiB is copied and written anew whole', async () => {
  const disk = await threeSegments(700_000)
  await spoil(disk, 4)
  const damaged = await contentOf(disk, segmentAt(2))
  assert.ok(damaged.length > 2 * KIB * KIB)
  const wal = await repair(disk)
  const copy = await contentOf(disk, `${QUARANTINE}/${segmentName(2)}`)
  assert.ok(copy.equals(damaged))
  assert.equal((await headerOn(disk, 2)).capacity, Math.ceil((damaged.length + 64 * KIB) / 4096) * 4096)
  const found = await collect(wal.read())
  assert.deepEqual(
    found.flatMap(({ entry }) => (entry.type === 'custom' ? [[entry.data.length, entry.data[0]]] : [])),
    [1, 2, 3, 4, 6, 7, 8, 9].map((first) => [700_000, first]),
  )
  await wal.close()
})

test('what cannot be read is filled in the copy, and a gap in the segment', async () => {
  const disk = await threeSegments(2000)
  const [, second] = await framesOn(disk, 2)
  const sector = Math.ceil(second!.at / 512) + 1
  let replaced = false
  disk.onOperation = ({ kind, path, to, position, bytes }) => {
    replaced ||= kind === 'rename' && to === segmentAt(2)
    const met = position! < sector * 512 + 512 && position! + bytes! > sector * 512
    return kind === 'read' && path === segmentAt(2) && met && !replaced ? { code: 'EIO' } : undefined
  }
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['unreadable 4..4 true'])
  const copy = await contentOf(disk, `${QUARANTINE}/${segmentName(2)}`)
  assert.ok(copy.subarray(sector * 512, sector * 512 + 512).every((byte) => byte === 0xee))
  assert.ok(copy.subarray(0, sector * 512).includes('crafted by tests'))
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4-4', '5', '6', '7', '8'])
  await wal.close()
})

test('a repair that fails, at whatever operation, loses nothing, and the next one completes it', async () => {
  const prepared = await threeSegments()
  for (const seq of [4, 7]) await spoil(prepared, seq)
  const probe = prepared.kill()
  await repair(probe)
  for (const { number, kind, path } of probe.ops) {
    if (kind === 'read') continue
    const disk = prepared.kill()
    disk.onOperation = (operation) => (operation.number === number ? { code: 'ENOSPC' } : undefined)
    await repair(disk).then(
      (wal) => wal.close(),
      () => {},
    )
    disk.onOperation = undefined
    const wal = await repair(disk)
    assert.deepEqual(
      await recordsIn(wal),
      ['0', '1', '2', '3', '4-4', '5', '6', '7-7', '8'],
      `${kind} ${path}`,
    )
    await wal.close()
  }
})

test('a place that is whole when a log is looked at, and not when it is copied, ends the repair; the log is as it was', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const before = await pictureOf(disk)
  let armed = false
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'create' && path === `${segmentAt(2)}.tmp`) armed = true
    if (!armed || kind !== 'open' || path !== segmentAt(2)) return undefined
    armed = false
    disk.flipBit(segmentAt(2), 1024 + 100)
    return undefined
  }
  await assert.rejects(repair(disk), {
    code: 'WALV_IO',
    file: segmentAt(2),
    offset: 1024,
    message:
      'segment-0000000002.walv at offset 1024: what was read before cannot be read again. This file was not changed; try again.',
  })
  disk.flipBit(segmentAt(2), 1024 + 100)
  disk.onOperation = undefined
  const after = await pictureOf(disk)
  const isOurs = ([path]: readonly [string, string]): boolean =>
    path.endsWith('LOCK') || path.startsWith(QUARANTINE)
  assert.deepEqual(
    after.filter((each) => !isOurs(each)),
    before.filter((each) => !isOurs(each)),
  )
})

test('a reader repairs nothing', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const before = await pictureOf(disk)
  const wal = await openOn(disk, { recovery: 'repair', readOnly: true })
  assert.deepEqual(wal.recovery.quarantined, [])
  await assert.rejects(collect(wal.read()), refusal('WALV_DAMAGED'))
  assert.deepEqual(await pictureOf(disk), before)
})
