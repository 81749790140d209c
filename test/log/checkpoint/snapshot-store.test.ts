import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { echo } from '../../../src/echo.ts'
import { SnapshotStore } from '../../../src/log/checkpoint/snapshot-store.ts'
import {
  alterOn,
  collect,
  contentOf,
  DIRECTORY,
  FailingDisk,
  namesOn,
  putFile,
  type SimulatedDisk,
  type SnapshotReference,
} from '../../support/kit.ts'
import { emptyStore, storeWithSnapshot, twoFiles } from './stored-snapshot.ts'

const FOLDER = `${DIRECTORY}/snapshots`
const NAME = 'snapshot-0000000000000007'
const MIB = 1024 * 1024
const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

const TWO_FILES: SnapshotReference = {
  name: NAME,
  files: [
    { name: 'pieces', bytes: 7, sha256: sha256('one two') },
    { name: 'other', bytes: 7, sha256: sha256('by path') },
  ],
  info: { k: 1 },
}

test('a snapshot that is published has every file with its bytes and hash, and is durable under its name', async () => {
  const { disk, store } = await emptyStore()
  assert.deepEqual(await store.publish(7, twoFiles(disk)), TWO_FILES)
  const left = disk.crash('nothing')
  assert.deepEqual(await namesOn(left, FOLDER), [NAME])
  assert.deepEqual(await namesOn(left, `${FOLDER}/${NAME}`), ['other', 'pieces'])
  assert.equal(await new SnapshotStore(left, DIRECTORY).problem(TWO_FILES), undefined)
})

test('files are synced before their folder, the folder before it has its name, and the name before publishing ends', async () => {
  const { disk, store } = await storeWithSnapshot()
  const from = disk.ops.length
  await store.publish(8, twoFiles(disk))
  const temporary = `${FOLDER}/snapshot-0000000000000008.tmp`
  assert.deepEqual(
    disk.ops
      .slice(from)
      .filter(({ kind }) => !['read', 'close', 'open'].includes(kind))
      .map(({ kind, path }) => `${kind} ${path}`),
    [
      `list ${DIRECTORY}`,
      `makeDirectory ${FOLDER}`,
      `list ${FOLDER}`,
      `syncDirectory ${DIRECTORY}`,
      `remove ${temporary}`,
      `makeDirectory ${temporary}`,
      `create ${temporary}/pieces`,
      // Each piece is written and synced in one call, which the simulated disk notes as two.
      `write ${temporary}/pieces`,
      `sync ${temporary}/pieces`,
      `write ${temporary}/pieces`,
      `sync ${temporary}/pieces`,
      `sync ${temporary}/pieces`,
      `create ${temporary}/other`,
      `write ${temporary}/other`,
      `size ${temporary}/other`,
      `sync ${temporary}/other`,
      `syncDirectory ${temporary}`,
      `list ${FOLDER}`,
      `link ${temporary}`,
      `syncDirectory ${FOLDER}`,
    ],
  )
})

test('what an earlier attempt left behind, under either name, is replaced', async () => {
  const { disk, store } = await storeWithSnapshot()
  await putFile(disk, `${FOLDER}/${NAME}.tmp/left`, Buffer.from('left'))
  await putFile(disk, `${FOLDER}/${NAME}/left`, Buffer.from('left'))
  await store.publish(7, twoFiles(disk, 'newer'))
  assert.deepEqual(await namesOn(disk, FOLDER), [NAME])
  assert.deepEqual(await namesOn(disk, `${FOLDER}/${NAME}`), ['other', 'pieces'])
  assert.equal((await contentOf(disk, `${FOLDER}/${NAME}/other`)).toString(), 'newer')
})

test('an operation of publishing that fails is told as the disk told it, leaves no temporary folder and no file open', async () => {
  const { disk } = await storeWithSnapshot()
  const clean = disk.kill()
  const from = clean.ops.length
  await new SnapshotStore(clean, DIRECTORY).publish(8, twoFiles(clean))
  for (const { number, kind, path } of clean.ops.slice(from)) {
    const broken = disk.kill()
    const snapshots = new SnapshotStore(broken, DIRECTORY)
    broken.onOperation = (operation) => (operation.number === number ? { code: 'EDQUOT' } : undefined)
    const outcome = await snapshots.publish(8, twoFiles(broken)).then(
      () => 'published',
      (error) => error.code,
    )
    assert.equal(outcome, 'EDQUOT', `${kind} ${path}`)
    assert.ok(!(await namesOn(broken, FOLDER)).includes('snapshot-0000000000000008.tmp'), `${kind} ${path}`)
    const ours = broken.ops.slice(from).filter((operation) => operation.path.includes('.tmp/'))
    const opened = ours.filter(
      (operation) => ['open', 'create'].includes(operation.kind) && operation.number !== number,
    )
    const closed = ours.filter((operation) => operation.kind === 'close')
    // The test itself writes the other file, and closes it only if it can.
    assert.ok(closed.length >= opened.length - (kind === 'write' ? 1 : 0), `${kind} ${path}`)
  }
})

test('an error while cleaning up does not hide the first', async () => {
  const { disk, store } = await emptyStore()
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'sync') return { code: 'EIO' }
    return kind === 'remove' && path.endsWith('.tmp') && disk.ops.length > 12 ? { code: 'EACCES' } : undefined
  }
  await assert.rejects(store.publish(7, twoFiles(disk)), { code: 'EIO' })
})

test('pieces may come from anywhere, one after the other, and none is a file of no bytes', async () => {
  const { disk, store } = await emptyStore()
  const large = Buffer.alloc(MIB + 5, 3)
  const reference = await store.publish(7, async (target) => {
    await target.write('empty', [])
    await target.write(
      'stream',
      (async function* () {
        yield large
        yield Buffer.from('end')
      })(),
    )
    return null
  })
  assert.deepEqual(reference.files, [
    { name: 'empty', bytes: 0, sha256: sha256('') },
    { name: 'stream', bytes: MIB + 8, sha256: sha256(Buffer.concat([large, Buffer.from('end')])) },
  ])
  assert.equal((await contentOf(disk, `${FOLDER}/${NAME}/stream`)).length, MIB + 8)
})

test('names of files are letters, digits, _, - and ., no more than 100, and do not begin with . or -', async () => {
  const { disk, store } = await emptyStore()
  const accepted = ['a', 'Z', '0', '_', 'a.b-c_d', 'a'.repeat(100)]
  await store.publish(7, async (target) => {
    for (const name of accepted) await target.write(name, [])
    return null
  })
  assert.deepEqual(await namesOn(disk, `${FOLDER}/${NAME}`), accepted.toSorted())
  for (const name of ['', '.', '..', '.a', '-a', 'a/b', 'a\\b', 'a b', 'ä', 'a\n', 'a'.repeat(101)]) {
    const message = `${echo(name)} cannot be the name of a snapshot's file: use letters, digits, '_', '-' and '.'.`
    const expected = { code: 'WALV_CHECKPOINT', message }
    await assert.rejects(
      store.publish(8, async (target) => {
        await target.write(name, [])
        return null
      }),
      expected,
    )
    await assert.rejects(
      store.publish(8, async (target) => {
        target.path(name)
        return null
      }),
      expected,
    )
    assert.throws(() => store.open(TWO_FILES).path(name), expected)
    assert.throws(() => store.open(TWO_FILES).read(name), expected)
  }
})

const DAMAGES: readonly [string, (disk: SimulatedDisk, path: string) => Promise<void>, string, string][] = [
  [
    'a byte more',
    (disk, path) => alterOn(disk, path, (content) => Buffer.concat([content, Buffer.of(0)])),
    'snapshot',
    'other has 8 bytes instead of 7',
  ],
  [
    'a byte less',
    (disk, path) => alterOn(disk, path, (content) => content.subarray(1)),
    'snapshot',
    'other has 6 bytes instead of 7',
  ],
  [
    'another byte',
    (disk, path) => alterOn(disk, path, (content) => content.fill(1, 3, 4)),
    'snapshot',
    'the content of other does not match its hash',
  ],
  ['no such file', (disk, path) => disk.remove(path), 'missing', 'other is not there'],
  ['no such folder', (disk) => disk.remove(`${FOLDER}/${NAME}`), 'missing', 'pieces is not there'],
  [
    'a directory in its place',
    async (disk, path) => {
      await disk.remove(path)
      await disk.makeDirectory(path)
    },
    'snapshot',
    'other is a directory',
  ],
  [
    'a file in the place of the folder',
    async (disk) => {
      await disk.remove(`${FOLDER}/${NAME}`)
      await putFile(disk, `${FOLDER}/${NAME}`, Buffer.from('file'))
    },
    'missing',
    'pieces is not there',
  ],
  [
    'a sector that cannot be read',
    async (disk, path) => {
      disk.onOperation = (operation) =>
        operation.kind === 'read' && operation.path === path ? { code: 'EIO' } : undefined
    },
    'unreadable',
    'the disk cannot read other',
  ],
]

for (const [about, damage, kind, what] of DAMAGES) {
  test(`${about}: the snapshot has a problem of the kind ${kind}, told in words`, async () => {
    const { disk, store } = await storeWithSnapshot()
    await damage(disk, `${FOLDER}/${NAME}/other`)
    assert.deepEqual(await store.problem(TWO_FILES), { kind, what })
  })
}

test('a file that cannot be opened for reasons of the process is an error, not a problem of the snapshot', async () => {
  const { disk, store } = await storeWithSnapshot()
  disk.onOperation = ({ kind }) => (kind === 'open' ? { code: 'EMFILE' } : undefined)
  await assert.rejects(store.problem(TWO_FILES), {
    code: 'WALV_IO',
    file: `${FOLDER}/${NAME}/pieces`,
    message: /^The snapshot file \/data\/log\/snapshots\/.*\/pieces cannot be read \(EMFILE/,
  })
})

test('files are opened for reading where they are only read', async () => {
  const { disk } = await storeWithSnapshot()
  const watched = new FailingDisk(disk)
  const store = new SnapshotStore(watched, DIRECTORY)
  await store.problem(TWO_FILES)
  await collect(store.open(TWO_FILES).read('pieces'))
  const modes = watched.calls.filter(({ operation }) => operation === 'open').map(({ mode }) => mode)
  assert.deepEqual(modes, ['read', 'read', 'read'])
  watched.calls.length = 0
  await store.publish(8, twoFiles(disk))
  assert.deepEqual(
    watched.calls.flatMap(({ operation, mode, path }) =>
      operation === 'open' ? [`${mode} ${path.split('/').at(-1)}`] : [],
    ),
    ['create pieces', 'read other', 'write other'],
  )
})

test('a snapshot is read in pieces of at most 1 MiB, by a name that it has', async () => {
  const { disk, store } = await emptyStore()
  const content = Buffer.alloc(2 * MIB + 5, 1)
  const reference = await store.publish(7, async (target) => {
    await target.write('large', [content])
    await target.write('whole', [content.subarray(0, MIB)])
    return null
  })
  const snapshot = store.open(reference)
  assert.equal(snapshot.reference, reference)
  assert.equal(snapshot.path('large'), `${FOLDER}/${NAME}/large`)
  const sizes: number[] = []
  for await (const piece of snapshot.read('large')) {
    assert.ok(Buffer.from(piece).equals(content.subarray(0, piece.length)))
    sizes.push(piece.length)
  }
  assert.deepEqual(sizes, [MIB, MIB, 5])
  const whole: number[] = []
  for await (const piece of snapshot.read('whole')) whole.push(piece.length)
  assert.deepEqual(whole, [MIB], 'no empty piece at the end')
  const from = disk.ops.length
  for await (const piece of snapshot.read('large')) if (piece.length > 0) break
  assert.equal(disk.ops.slice(from).at(-1)!.kind, 'close', 'a reading that is left early closes its file')
})

test('a file that cannot be read is an error that names it', async () => {
  const { disk, store } = await storeWithSnapshot()
  disk.onOperation = ({ kind }) => (kind === 'read' ? { code: 'EIO' } : undefined)
  await assert.rejects(collect(store.open(TWO_FILES).read('pieces')), {
    code: 'WALV_IO',
    file: `${FOLDER}/${NAME}/pieces`,
    message: /^The snapshot file .*pieces cannot be read \(EIO/,
  })
})

test('what the writer of a snapshot throws is thrown as it is', async () => {
  const { disk, store } = await emptyStore()
  const error = new Error('on purpose')
  await assert.rejects(
    store.publish(7, async () => {
      throw error
    }),
    error,
  )
  assert.deepEqual(await namesOn(disk, FOLDER), [])
})
