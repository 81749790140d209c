import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { movesHome, type Placed, placesOf } from '../../src/doctor/misplaced.ts'
import { encodeSegmentHeader, segmentName, segmentNumber } from '../../src/format/segment.ts'
import { type Diagnosis, diagnose, Wal, type WalError, type WalErrorCode } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { explore } from '../../src/testing/explore/explore.ts'
import { LOG_ID } from '../support/crafted-log.ts'
import { FailingDisk } from '../support/failing-disk.ts'
import {
  appendAll,
  collect,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  writeLog,
} from '../support/logs.ts'
import { kill, startWriter } from '../support/processes.ts'
import { flipRecordOf, ILLNESSES, makeSick } from '../support/sick-logs.ts'
import { putFile } from '../support/simulated-log.ts'

const run = promisify(execFile)

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

test('Beside a living writer all is healthy, and the writer is named; one that was killed has left its name', async (t) => {
  const directory = await temporaryDirectory(t)
  const { child } = await startWriter(t, { directory, count: 20 })
  const beside = await diagnose({ directory })
  assert.deepEqual([beside.verdict, beside.recoverable?.records], ['healthy', 20])
  const { startedAt, ...sign } = beside.writer!
  assert.deepEqual(sign, { pid: child.pid, host: hostname(), alive: true })
  assert.ok(Math.abs(Date.parse(startedAt) - Date.now()) < 600_000)
  await kill(child)
  const after = await diagnose({ directory })
  assert.deepEqual([after.verdict, after.writer?.alive], ['healthy', false])
  await writeLog(directory, ['z'])
  assert.equal((await diagnose({ directory })).writer, undefined)
})

test('Of a writer that has signed it is told whether it lives, as far as can be seen from here', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a'])
  const signed = async (text: string) => {
    await writeFile(join(directory, 'LOCK'), text)
    return (await diagnose({ directory })).writer
  }
  const now = new Date().toISOString()
  const here = { pid: process.pid, host: hostname(), startedAt: now }
  assert.deepEqual(await signed(`${JSON.stringify(here)}\n`), { ...here, alive: true })
  // Its number belongs to another process by now: this machine has started since.
  const before = { ...here, startedAt: new Date(0).toISOString() }
  assert.deepEqual(await signed(`${JSON.stringify(before)}\n`), { ...before, alive: false })
  const elsewhere = { ...here, host: 'elsewhere.example' }
  assert.deepEqual(await signed(`${JSON.stringify(elsewhere)}\n`), { ...elsewhere, alive: null })
  const undecodable = [
    '{"pid":"1","host":"h","startedAt":"t"}',
    '{"pid":1,"host":5,"startedAt":"t"}',
    '{"pid":1,"host":"h","startedAt":5}',
  ]
  for (const text of ['', '{"pid":1', 'null', '[1,2,3]', ...undecodable])
    assert.equal(await signed(text), undefined)
  // A process of another user lives, although it takes no signal from here.
  for (const [code, alive] of [
    ['EPERM', true],
    ['ESRCH', false],
  ] as const) {
    const { kill: original } = process
    process.kill = () => {
      throw Object.assign(new Error(code), { code })
    }
    const found = await signed(JSON.stringify(here)).finally(() => {
      process.kill = original
    })
    assert.deepEqual(found, { ...here, alive })
  }
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

test('Steps name the directory so that a shell takes it', async (t) => {
  const directory = join(await temporaryDirectory(t), "it's a $HOME")
  await writeLog(directory, ['doc-a', 'doc-b'])
  await flipRecordOf('doc-a')(directory)
  const { remedy } = await diagnose({ directory })
  const quoted = `'${directory.replace("'", "'\\''")}'`
  assert.ok(
    remedy.steps.some((step) => step.endsWith(`\nnpx walv repair ${quoted}`)),
    remedy.steps.join('\n'),
  )
})

test('A step says what in the directory’s name cannot be seen, so that bash takes it all the same', async (t) => {
  const directory = join(await temporaryDirectory(t), "it's\n\\a\u202e\u0007")
  await writeLog(directory, ['doc-a', 'doc-b'])
  await flipRecordOf('doc-a')(directory)
  const { remedy } = await diagnose({ directory })
  const parent = directory.slice(0, directory.lastIndexOf('/'))
  const command = remedy.steps.find((step) => step.includes('\n'))!.split('\n')[1]!
  assert.equal(command, `npx walv repair $'${parent}/it\\'s\\u000a\\\\a\\u202e\\u0007'`)
  const { stdout } = await run('bash', ['-c', `printf %s ${command.slice('npx walv repair '.length)}`], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  assert.equal(stdout, directory)
})

test('Where a segment belongs is said by the copy of its header with the number of its name, else by the first that is whole', async () => {
  const disk = new SimulatedDisk()
  const names = [1, 2, 3, 4, 5, 6].map(segmentName)
  const copy = (number: number): Buffer => {
    const fields = { firstSeq: 0, durableBefore: 0, createdAt: 0, capacity: 4096, previous: 0 }
    return encodeSegmentHeader({ logId: LOG_ID, number, ...fields }).subarray(0, 512)
  }
  const junk = Buffer.alloc(512, 7)
  const headers = [
    [copy(1), junk],
    [junk, copy(2)],
    [copy(9), copy(3)],
    [copy(8), copy(7)],
    [junk, junk],
    [copy(6), copy(6)],
  ]
  for (const [place, header] of headers.entries())
    await putFile(disk, `/log/${names[place]}`, Buffer.concat(header))
  disk.breakSector(`/log/${names[5]}`, 0)
  const logId = LOG_ID.toString('hex')
  assert.deepEqual(await placesOf(disk, '/log', [...names, segmentName(77)]), [
    { name: names[0], logId, number: 1 },
    { name: names[1], logId, number: 2 },
    { name: names[2], logId, number: 3 },
    { name: names[3], logId, number: 8 },
  ])
})

/** Carries the moves out on names alone. */
function moved(present: readonly string[], misnamed: readonly Placed[]): Map<string, string> {
  const at = new Map(present.map((name) => [name, name]))
  for (const { from, to } of movesHome(misnamed, present)) {
    assert.ok(at.has(from), `${from} is not there`)
    assert.ok(!at.has(to), `${to} would be overwritten`)
    at.set(to, at.get(from)!)
    at.delete(from)
  }
  return at
}

test('Files that have one another’s names get their own, and none is ever overwritten', () => {
  const permuted = fc
    .uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 })
    .chain((numbers) =>
      fc.tuple(fc.constant(numbers), fc.shuffledSubarray(numbers, { minLength: numbers.length })),
    )
  fc.assert(
    fc.property(permuted, ([numbers, shuffled]) => {
      const placed = numbers.map((number, at) => ({
        name: segmentName(number),
        logId: 'x',
        number: shuffled[at]!,
      }))
      const misnamed = placed.filter(({ name, number }) => name !== segmentName(number))
      const at = moved(
        placed.map(({ name }) => name),
        misnamed,
      )
      for (const { name, number } of placed) assert.equal(at.get(segmentName(number)), name)
    }),
  )
})

test('A second copy of a file gets a name that nobody reads', () => {
  const present = [1, 2, 7, 8].map(segmentName)
  const at = moved(present, [
    { name: segmentName(7), logId: 'x', number: 2 },
    { name: segmentName(8), logId: 'x', number: 3 },
  ])
  assert.equal(at.get(segmentName(3)), segmentName(8))
  assert.deepEqual(
    [...at.keys()].filter((name) => segmentNumber(name) === undefined),
    [`${segmentName(7)}.copy`],
  )
})

test('A repair that is cut short anywhere leaves a log that can be repaired again, and that has lost nothing more', async () => {
  const directory = '/data/log'
  const options = { directory, segmentMaxBytes: 65_536, clock: () => 1_700_000_000_000 }
  const idsIn = async (disk: SimulatedDisk): Promise<string[]> => {
    const wal = await Wal.open({ ...options, disk, readOnly: true, recovery: 'salvage' })
    return (await collect(wal.read())).flatMap(({ entry }) => ('id' in entry ? [entry.id] : []))
  }
  const kept = names('doc', 10).filter((id) => id !== 'doc-2' && id !== 'doc-7')
  const exploration = await explore<string>({
    seed: 1,
    statesPerCut: 3,
    secondCutEvery: 30,
    prepare: async (disk) => {
      await disk.makeDirectory('/data')
      const wal = await Wal.open({ ...options, disk })
      for (const id of names('doc', 10)) await wal.append(insertOf(id, 40_000))
      await wal.close()
      await disk.syncDirectory('/')
      // Records 2 and 7; the header of the fourth segment.
      disk.flipBit(`${directory}/segment-0000000001.walv`, 100_000)
      disk.flipBit(`${directory}/segment-0000000003.walv`, 20_000)
      disk.flipBit(`${directory}/segment-0000000004.walv`, 100)
    },
    run: async (disk) => {
      const wal = await Wal.open({ ...options, disk, recovery: 'repair' })
      await wal.close()
    },
    verify: async (disk) => {
      const found = await diagnose({ directory, disk })
      assert.ok(['loss', 'damaged', 'healthy', 'torn-tail'].includes(found.verdict), found.verdict)
      assert.deepEqual(await idsIn(disk), kept)
      await (await Wal.open({ ...options, disk, recovery: 'repair' })).close()
      const after = await diagnose({ directory, disk })
      assert.deepEqual(
        [after.verdict, after.recoverable?.gaps],
        [
          'healthy',
          [
            { from: 2, through: 2 },
            { from: 7, through: 7 },
          ],
        ],
      )
      assert.deepEqual(await idsIn(disk), kept)
    },
  })
  assert.deepEqual(
    exploration.violations.map(({ error, story }) => [error.message, story]),
    [],
  )
  assert.ok(
    exploration.cuts > 20 && exploration.states > 40 && exploration.secondCuts > 20,
    JSON.stringify(exploration),
  )
})
