import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import {
  appendAll,
  collect,
  type Diagnosis,
  diagnose,
  FailingDisk,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  SimulatedDisk,
  segmentsIn,
  temporaryDirectory,
  Wal,
  type WalError,
  type WalErrorCode,
  writeLog,
} from '../support/kit.ts'
import { flipRecordOf, ILLNESSES, makeSick } from '../support/sick-logs.ts'

/** What opening by the default policy says: a code, or undefined. */
async function refusalOf(directory: string, readOnly: boolean): Promise<WalErrorCode | undefined> {
  try {
    const wal = await Wal.open({ directory, readOnly })
    await wal.close()
    return undefined
  } catch (error) {
    return (error as WalError).code
  }
}

/** Every file and folder with its time of change, and what is in it. */
async function traceOf(directory: string): Promise<Map<string, string>> {
  const trace = new Map<string, string>()
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    const { mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    const content = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : ''
    trace.set(relative(directory, path), `${mtimeNs} ${ctimeNs} ${content}`)
  }
  return trace
}

/** Lost sequence numbers, as their damage names them. */
const lostIn = ({ damage }: Diagnosis): unknown[] => damage.flatMap(({ seqs }) => seqs)

for (const { name, verdict, remedy, make } of ILLNESSES) {
  test(`${name}: the verdict is ${verdict}, opening agrees, and not one byte is written`, async (t) => {
    const directory = await temporaryDirectory(t)
    await make(directory)
    const before = await traceOf(directory)
    const diagnosis = await diagnose({ directory })
    assert.deepEqual(await traceOf(directory), before)
    assert.deepEqual({ verdict: diagnosis.verdict, remedy: diagnosis.remedy.kind }, { verdict, remedy })
    assert.equal(diagnosis.remedy.steps.length > 0, verdict !== 'healthy')
    assert.equal(diagnosis.directory, directory)
    const code = diagnosis.refusal?.code
    assert.equal(code === 'WALV_DAMAGED', verdict === 'loss' || verdict === 'possible-loss')
    assert.equal(code === undefined, ['healthy', 'torn-tail', 'damaged'].includes(verdict))
    assert.deepEqual(
      diagnosis.losses.flatMap(({ inSnapshot, unsure, gone }) => [...inSnapshot, ...unsure, ...gone]),
      verdict === 'unusable' ? [] : lostIn(diagnosis),
    )
    if (name === 'no log') assert.equal(code, 'WALV_NOT_FOUND')
    else if (name === 'a record that makes no sense') {
      const wal = await openWal(t, { directory, readOnly: true })
      await assert.rejects(collect(wal.read()), refusal('WALV_DAMAGED'))
    } else {
      // Reading needs no lock.
      assert.equal(await refusalOf(directory, true), name === 'a link as LOCK' ? undefined : code)
      assert.equal(await refusalOf(directory, false), code)
    }
  })
}

test('What recovery would find is told: records, snapshot, gaps of an earlier repair, transactions in doubt', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await appendAll(wal, names('doc', 3))
  const prepared = wal.begin()
  prepared.delete('doc-0')
  await prepared.prepare()
  await wal.checkpoint({
    seq: 2,
    snapshot: async (target) => target.write('state', [Buffer.from('hello')]).then(() => null),
  })
  await wal.close()
  await flipRecordOf('doc-1')(directory)
  await (await Wal.open({ directory, recovery: 'repair' })).close()
  const { bytes, ...recoverable } = (await diagnose({ directory })).recoverable!
  assert.ok(bytes > 7 * 40)
  assert.deepEqual(recoverable, {
    records: 7,
    segments: 1,
    firstSeq: 0,
    lastSeq: 6,
    snapshotSeq: 2,
    gaps: [{ from: 1, through: 1 }],
    inDoubt: [3],
    incompleteTransactions: [],
    closedInOrder: true,
  })
})

test('Of each loss it is told what the snapshot has, and where an open transaction leaves that unsure', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await wal.append(insert('before'))
  const open = wal.begin()
  open.insert('within', [1, 2, 3])
  await wal.append(insert('meanwhile'))
  await wal.checkpoint({
    seq: 3,
    snapshot: async (target) => target.write('state', [Buffer.from('hello')]).then(() => null),
  })
  await wal.append(insert('behind'))
  await open.commit()
  await wal.close()
  const whole = await diagnose({ directory })
  assert.deepEqual([whole.verdict, whole.losses], ['healthy', []])
  for (const id of ['before', 'meanwhile', 'behind']) await flipRecordOf(id)(directory)
  const { losses, verdict } = await diagnose({ directory })
  assert.equal(verdict, 'loss')
  const one = (seq: number) => [{ from: seq, through: seq }]
  assert.deepEqual(
    losses.map(({ damage, ...fate }) => ({ ids: damage.ids, ...fate })),
    [
      { ids: ['before'], inSnapshot: one(0), unsure: [], gone: [] },
      { ids: ['meanwhile'], inSnapshot: [], unsure: one(3), gone: [] },
      { ids: ['behind'], inSnapshot: [], unsure: [], gone: one(5) },
    ],
  )
})

test('A loss of many records is divided where the snapshot ends', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await appendAll(wal, names('doc', 6))
  await wal.checkpoint({
    seq: 5,
    snapshot: async (target) => target.write('state', [Buffer.from('hello')]).then(() => null),
  })
  await appendAll(wal, names('later', 3))
  await wal.close()
  // Record 6 is the checkpoint: with it, nothing would be known of the snapshot.
  await flipRecordOf('doc-4')(directory)
  await flipRecordOf('doc-5')(directory)
  await flipRecordOf('later-0')(directory)
  await flipRecordOf('later-1')(directory)
  const { losses } = await diagnose({ directory })
  assert.deepEqual(
    losses.map(({ inSnapshot, gone }) => ({ inSnapshot, gone })),
    [
      { inSnapshot: [{ from: 4, through: 5 }], gone: [] },
      { inSnapshot: [], gone: [{ from: 7, through: 8 }] },
    ],
  )
})

test('Records in a sector that the disk cannot read are a loss, and the disk is to be looked into first', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await Wal.open({ directory: '/log', disk })
  for (const id of ['a', 'b', 'c']) await wal.append(insertOf(id, 1500))
  await wal.close()
  disk.breakSector('/log/segment-0000000001.walv', 6)
  const diagnosis = await diagnose({ directory: '/log', disk })
  assert.deepEqual([diagnosis.verdict, lostIn(diagnosis)], ['loss', [{ from: 1, through: 1 }]])
  assert.deepEqual([diagnosis.damage[0]!.kind, diagnosis.remedy.kind], ['unreadable', 'repair'])
  assert.match(diagnosis.remedy.steps[0]!, /^Look into the disk .* run this again/)
})

test('What is no state of a log is an error: no directory, a file, a disk that does not answer', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a'])
  const [segment] = await segmentsIn(directory)
  await assert.rejects(diagnose({ directory: join(directory, 'none') }), refusal('WALV_NO_DIRECTORY'))
  await assert.rejects(diagnose({ directory: segment! }), refusal('WALV_NOT_A_DIRECTORY'))
  await assert.rejects(diagnose({ directory: '' }), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(diagnose({ directory, signal: AbortSignal.abort() }), refusal('WALV_ABORTED'))
  for (const [operation, code, expected] of [
    ['list', 'EACCES', 'WALV_PERMISSION'],
    ['list', 'EIO', 'WALV_IO'],
    ['open', 'EMFILE', 'WALV_IO'],
  ] as const) {
    const disk = new FailingDisk()
    disk.fail({ operation, code, path: operation === 'open' ? /\.walv$/ : /^/ })
    await assert.rejects(diagnose({ directory, disk }), refusal(expected))
  }
})

test('It asks the disk for nothing but to list and to read', async (t) => {
  const directory = await temporaryDirectory(t)
  await makeSick(directory, 'a damaged snapshot')
  const disk = new FailingDisk()
  await diagnose({ directory, disk })
  const asked = new Set(
    disk.calls.map(({ operation, mode }) => (mode === undefined ? operation : `${operation} ${mode}`)),
  )
  assert.deepEqual([...asked].toSorted(), ['close', 'list', 'open read', 'read', 'size'])
})

test('A file that a writer lets go of while it is read makes it look again', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a', 'b'])
  const once = new FailingDisk()
  // Opened for its header, for its frames, for its records.
  once.fail({ operation: 'open', path: /\.walv$/, code: 'ENOENT', nth: 3 })
  assert.equal((await diagnose({ directory, disk: once })).verdict, 'healthy')
  assert.equal(once.count('open', /\.walv$/), 6)
  const ever = new FailingDisk()
  // Every third call: one that failed is not counted by the faults behind it.
  for (let nth = 3; nth < 60; nth += 2) ever.fail({ operation: 'open', path: /\.walv$/, code: 'ENOENT', nth })
  await assert.rejects(diagnose({ directory, disk: ever }), refusal('WALV_IO'))
})

test('Its progress is told, and reaches the whole', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a'])
  const told: number[][] = []
  await diagnose({ directory, onProgress: (...progress) => told.push(progress) })
  assert.deepEqual(told.at(-1), [262_144, 262_144])
})
