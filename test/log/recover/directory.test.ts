import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ignoreMissing } from '../../../src/disk/directories.ts'
import { encodeSegmentHeader, segmentName } from '../../../src/format/segment.ts'
import { refuseDirectory, segmentPath } from '../../../src/log/layout.ts'
import { readDirectory } from '../../../src/log/recover/directory.ts'
import {
  alterOn,
  CRAFTED_LOG_ID,
  contentOf,
  DIRECTORY,
  errno,
  FailingDisk,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  WalError,
} from '../../support/kit.ts'

async function directoryOf(files: Readonly<Record<string, Buffer>>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  await disk.makeDirectory(DIRECTORY)
  for (const [name, content] of Object.entries(files)) await putFile(disk, `${DIRECTORY}/${name}`, content)
  return disk
}

const threeSegments = (): Promise<SimulatedDisk> =>
  directoryOf(Object.fromEntries([3, 1, 2].map((number) => [segmentName(number), segmentOf({ number })])))

test('segments are listed in the order of their numbers, each with its size and its header', async () => {
  const disk = await threeSegments()
  for (let look = 0; look < 8; look++) {
    const { path, segments, lastNumber, damage, reach } = await readDirectory(disk, DIRECTORY)
    assert.deepEqual([path, lastNumber, damage, reach], [DIRECTORY, 3, [], undefined])
    assert.deepEqual(
      segments,
      [1, 2, 3].map((number) => ({
        number,
        name: segmentName(number),
        path: segmentAt(number),
        bytes: 16 * 1024,
        header: {
          logId: CRAFTED_LOG_ID,
          number,
          firstSeq: 0,
          durableBefore: 0,
          createdAt: 0,
          capacity: 16 * 1024,
          previous: number - 1,
        },
        badCopies: [],
        unreadable: false,
      })),
    )
  }
  const opened = disk.ops.filter(({ kind }) => kind === 'open').length
  const closed = disk.ops.filter(({ kind }) => kind === 'close').length
  assert.ok(closed >= opened)
})

test('an empty directory holds no segment, and the first will have the number 1', async () => {
  const { segments, lastNumber } = await readDirectory(await directoryOf({}), DIRECTORY)
  assert.deepEqual([segments, lastNumber], [[], 0])
})

test('how far the log reached is told by the snapshot that reaches furthest, whatever became of it', async () => {
  const names = (...found: string[]) =>
    Object.fromEntries(found.map((name) => [`${name}/file`, Buffer.from('x')]))
  const snapshot = 'snapshots/snapshot-0000000000000012'
  const reaches: readonly (readonly [string[], string | undefined, number | undefined])[] = [
    [[], undefined, undefined],
    [['snapshots/snapshot-12', 'snapshots/other', `${snapshot}.bak`], undefined, undefined],
    [['snapshots/snapshot-9999999999999999'], undefined, undefined],
    [['snapshots/snapshot-0000000000000009', snapshot], snapshot, 12],
    [[`${snapshot}.tmp`, 'quarantine/snapshot-0000000000000003'], `${snapshot}.tmp`, 12],
    [[snapshot, 'quarantine/snapshot-0000000000000013.1'], 'quarantine/snapshot-0000000000000013.1', 13],
  ]
  for (const [found, name, through] of reaches) {
    const { reach } = await readDirectory(await directoryOf(names(...found)), DIRECTORY)
    assert.deepEqual([reach?.name, reach?.through], [name, through])
  }
})

test('what is not named like a segment is none, and neither is what is no file, but its number is taken', async () => {
  const disk = await directoryOf({
    LOCK: Buffer.alloc(0),
    'segment-1.walv': segmentOf({}),
    'segment-00000000011.walv': segmentOf({}),
    'segment-0000000001.walv.tmp': segmentOf({}),
    'my-segment-0000000001.walv': segmentOf({}),
    [segmentName(4)]: segmentOf({ number: 4 }),
    'snapshots/snapshot-2/file': Buffer.from('x'),
  })
  await disk.makeDirectory(segmentAt(9))
  const { segments, lastNumber, reach, damage } = await readDirectory(disk, DIRECTORY)
  assert.deepEqual([segments.map(({ name }) => name), lastNumber], [[segmentName(4)], 9])
  assert.equal(reach, undefined)
  assert.deepEqual(damage, [
    {
      kind: 'foreign',
      file: segmentName(9),
      offset: 0,
      bytes: 0,
      acknowledged: false,
      seqs: [],
      ids: [],
      detail: 'segment-0000000009.walv is named like a segment but is a directory; it is left alone.',
    },
  ])
})

test('either copy of a header is enough, and the bad one is told', async () => {
  for (const [copy, others] of [
    [0, [0]],
    [1, [1]],
  ] as const) {
    const disk = await threeSegments()
    await alterOn(disk, segmentAt(2), (content) => {
      content[copy * 512 + 100]! ^= 1
    })
    const segment = (await readDirectory(disk, DIRECTORY)).segments[1]!
    assert.deepEqual([segment.header?.number, segment.badCopies], [2, others])
  }
})

test('without a valid copy there is no header, whatever is left of the file', async () => {
  for (const bytes of [0, 1, 511, 512, 1023, 1024, 4096]) {
    const disk = await directoryOf({ [segmentName(1)]: Buffer.alloc(bytes, 7) })
    const [segment] = (await readDirectory(disk, DIRECTORY)).segments
    assert.deepEqual([segment!.header, segment!.badCopies, segment!.bytes], [undefined, [0, 1], bytes])
  }
  const disk = await directoryOf({ [segmentName(1)]: segmentOf({}).subarray(0, 512) })
  const [segment] = (await readDirectory(disk, DIRECTORY)).segments
  assert.deepEqual(
    [segment!.header?.number, segment!.badCopies],
    [1, [1]],
    'the first copy alone is a header',
  )
})

test('a copy with the number of the name goes before one with another', async () => {
  const disk = await threeSegments()
  const stray = encodeSegmentHeader({ ...(await readDirectory(disk, DIRECTORY)).segments[2]!.header! })
  await alterOn(disk, segmentAt(2), (content) => {
    stray.copy(content, 0, 0, 512)
  })
  const segment = (await readDirectory(disk, DIRECTORY)).segments[1]!
  assert.deepEqual([segment.header?.number, segment.badCopies], [2, [0]])
})

test('a segment under another name is foreign, and of no known log', async () => {
  const disk = await threeSegments()
  await disk.rename(segmentAt(2), segmentAt(7))
  const { segments, damage, lastNumber } = await readDirectory(disk, DIRECTORY)
  assert.deepEqual([segments.map(({ number }) => number), lastNumber], [[1, 3], 7])
  assert.deepEqual(damage, [
    {
      kind: 'foreign',
      file: segmentName(7),
      offset: 0,
      bytes: 16 * 1024,
      acknowledged: null,
      seqs: [],
      ids: [],
      detail:
        'segment-0000000007.walv is segment 2 of a log, under another name. Move it out of this directory, or give it its name back.',
    },
  ])
})

/** A header that is changed where told, its sum right. */
async function altered(change: (view: Buffer) => void): Promise<SimulatedDisk> {
  const { crc32 } = await import('node:zlib')
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(2), (content) => {
    change(content)
    content.writeUInt32LE(crc32(content.subarray(0, 508)), 508)
  })
  return disk
}

test('a version or a feature that is not known refuses the whole log, and names it', async () => {
  const version = await altered((content) => content.writeUInt32LE(3, 4))
  await assert.rejects(readDirectory(version, DIRECTORY), {
    code: 'WALV_UNSUPPORTED_VERSION',
    file: segmentName(2),
    message: 'segment-0000000002.walv has format version 3; this walv reads up to 2. Use a newer walv.',
  })
  const feature = await altered((content) => content.writeUInt32LE(0x8000_0010, 12))
  await assert.rejects(readDirectory(feature, DIRECTORY), {
    code: 'WALV_UNSUPPORTED_FEATURE',
    file: segmentName(2),
    message:
      'segment-0000000002.walv needs features that this walv does not know (bits 0x80000010). Use a newer walv.',
  })
})

test('a log of format v1 is refused with what to do, unless there are segments beside it', async () => {
  const v1 = 'wal-0000000000000000001.log'
  await assert.rejects(readDirectory(await directoryOf({ [v1]: Buffer.from('WALV') }), DIRECTORY), {
    code: 'WALV_V1_DIRECTORY',
    file: DIRECTORY,
    message:
      '/data/log holds a log of format v1. Convert it first: npx walv convert /data/log NEW_DIRECTORY.',
  })
  for (const name of ['my-wal-1.log', 'wal-1.log.bak', 'wal.log']) {
    const { segments } = await readDirectory(await directoryOf({ [name]: Buffer.from('WALV') }), DIRECTORY)
    assert.deepEqual(segments, [])
  }
  const folder = await directoryOf({})
  await folder.makeDirectory(`${DIRECTORY}/${v1}`)
  assert.deepEqual((await readDirectory(folder, DIRECTORY)).segments, [])
  const both = await directoryOf({ [v1]: Buffer.from('WALV'), [segmentName(1)]: segmentOf({}) })
  assert.equal((await readDirectory(both, DIRECTORY)).segments.length, 1)
})

test('a header that the disk cannot read is a bad copy; if no header is left, that is an error and not a loss', async () => {
  const disk = await threeSegments()
  disk.onOperation = ({ kind, path, position, bytes }) =>
    kind === 'read' && path === segmentAt(2) && position! < 512 && position! + bytes! > 0
      ? { code: 'EIO' }
      : undefined
  const segment = (await readDirectory(disk, DIRECTORY)).segments[1]!
  assert.deepEqual([segment.header?.number, segment.badCopies, segment.unreadable], [2, [0], true])
  disk.onOperation = ({ kind, path }) =>
    kind === 'read' && path === segmentAt(2) ? { code: 'EIO' } : undefined
  const lost = (await readDirectory(disk, DIRECTORY)).segments[1]!
  assert.deepEqual([lost.header, lost.badCopies, lost.unreadable], [undefined, [0, 1], true])
  disk.onOperation = ({ kind }) => (kind === 'read' ? { code: 'EIO' } : undefined)
  await assert.rejects(readDirectory(disk, DIRECTORY), {
    code: 'WALV_IO',
    file: DIRECTORY,
    message: 'The disk cannot read the headers of the segments in /data/log (EIO). Try again.',
  })
})

test('a directory that cannot be listed is refused in words', async () => {
  const disk = await threeSegments()
  await assert.rejects(readDirectory(disk, '/data/other'), refusal('WALV_NO_DIRECTORY'))
  await assert.rejects(readDirectory(disk, segmentAt(1)), refusal('WALV_NOT_A_DIRECTORY'))
})

test('segments are opened for reading', async () => {
  const disk = new FailingDisk(await threeSegments())
  await readDirectory(disk, DIRECTORY)
  const modes = disk.calls.flatMap(({ operation, mode }) => (operation === 'open' ? [mode] : []))
  assert.deepEqual(modes, ['read', 'read', 'read'])
})

test('a segment that vanished since the directory was listed, and one that cannot be opened, are errors', async () => {
  const disk = await threeSegments()
  disk.onOperation = ({ kind, path }) =>
    kind === 'open' && path === segmentAt(2) ? { code: 'ENOENT' } : undefined
  await assert.rejects(readDirectory(disk, DIRECTORY), {
    code: 'WALV_IO',
    file: segmentAt(2),
    message: /^segment-0000000002\.walv was removed while \/data\/log was read/,
  })
  disk.onOperation = ({ kind, path }) =>
    kind === 'open' && path === segmentAt(2) ? { code: 'EMFILE' } : undefined
  await assert.rejects(readDirectory(disk, DIRECTORY), {
    code: 'WALV_IO',
    file: segmentAt(2),
    message: /^segment-0000000002\.walv cannot be opened \(EMFILE/,
  })
})

test('a file whose header is being read is closed, also when that fails', async () => {
  const disk = await threeSegments()
  disk.onOperation = ({ kind }) => (kind === 'size' ? { code: 'EMFILE' } : undefined)
  await assert.rejects(readDirectory(disk, DIRECTORY))
  assert.deepEqual(disk.ops.at(-1)!.kind, 'close')
})

for (const [code, expected, message] of [
  ['ENOENT', 'WALV_NO_DIRECTORY', 'There is no directory /here. Check the path.'],
  [
    'ENOTDIR',
    'WALV_NOT_A_DIRECTORY',
    '/here is a file, not a directory. Give the log a directory of its own.',
  ],
  [
    'EEXIST',
    'WALV_NOT_A_DIRECTORY',
    '/here is a file, not a directory. Give the log a directory of its own.',
  ],
  [
    'EACCES',
    'WALV_PERMISSION',
    'The directory /here does not allow this (EACCES). Change its owner or mode, or open it with readOnly.',
  ],
  [
    'EPERM',
    'WALV_PERMISSION',
    'The directory /here does not allow this (EPERM). Change its owner or mode, or open it with readOnly.',
  ],
  [
    'EROFS',
    'WALV_PERMISSION',
    'The directory /here does not allow this (EROFS). Change its owner or mode, or open it with readOnly.',
  ],
  ['EIO', 'WALV_IO', 'The directory /here cannot be used: EIO: on purpose.'],
] as const) {
  test(`a directory that answers ${code} is refused with ${expected}`, () => {
    const cause = errno(code)
    assert.throws(
      () => refuseDirectory('/here', cause),
      (error) => {
        assert.ok(error instanceof WalError && refusal(expected)(error))
        assert.deepEqual([error.message, error.file, error.cause], [message, '/here', cause])
        return true
      },
    )
  })
}

test('what is missing needs no removing; any other error counts', () => {
  ignoreMissing(errno('ENOENT'))
  assert.throws(() => ignoreMissing(errno('EACCES')), { code: 'EACCES' })
})

test('a segment lies in the directory of its log', async () => {
  assert.equal(segmentPath(DIRECTORY, 12), '/data/log/segment-0000000012.walv')
  const disk = await threeSegments()
  assert.equal((await contentOf(disk, segmentPath(DIRECTORY, 1))).length, 16 * 1024)
})
