import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import {
  brief,
  collect,
  contentOf,
  DIRECTORY,
  FailingDisk,
  framesOn,
  headerOn,
  namesOn,
  openOn,
  pictureOf,
  putFile,
  refusal,
  segmentAt,
  segmentOf,
} from '../../support/kit.ts'
import { custom, QUARANTINE, recordsIn, repair, spoil, threeSegments } from './repaired-log.ts'

const KIB = 1024

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
  assert.deepEqual(steps.slice(begin, begin + 10), [
    'makeDirectory quarantine',
    'syncDirectory /data/log',
    `create quarantine/${segmentName(2)}.tmp`,
    `sync quarantine/${segmentName(2)}.tmp`,
    `rename quarantine/${segmentName(2)}.tmp`,
    'syncDirectory quarantine',
    `create ${segmentName(2)}.tmp`,
    `sync ${segmentName(2)}.tmp`,
    `rename ${segmentName(2)}.tmp`,
    'syncDirectory /data/log',
  ])
  const left = disk.crash('nothing')
  assert.deepEqual(await namesOn(left, QUARANTINE), [segmentName(2)])
  await wal.close()
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
