import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { remedyFor, remedyForRefusal } from '../../src/doctor/remedy.ts'
import type { Analysis } from '../../src/log/recover/analysis.ts'
import {
  alter,
  craftSegment,
  type Damage,
  diagnose,
  FailingDisk,
  insertOf,
  names,
  putFile,
  refusal,
  SimulatedDisk,
  segmentsIn,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../support/kit.ts'
import { flipRecordOf, ILLNESSES, makeSick } from '../support/sick-logs.ts'
import { BACKUP, GIVE_UP, REMEDIES, WRITE_AGAIN } from './remedies.ts'

test('there are words for every illness, and no others', () => {
  assert.deepEqual([...REMEDIES.keys()].toSorted(), ILLNESSES.map(({ name }) => name).toSorted())
})

for (const { name, remedy: kind, make } of ILLNESSES) {
  test(`${name}: the remedy is told, file by file and step by step`, async (t) => {
    const directory = await temporaryDirectory(t)
    await make(directory)
    const { remedy, format, losses, damage } = await diagnose({ directory })
    const steps = remedy.steps.map((step) => step.replaceAll(directory, 'DIR'))
    assert.deepEqual({ ...remedy, steps }, { kind, ...REMEDIES.get(name) })
    if (name.startsWith('format v1')) assert.equal(format, 'v1')
    else if (kind === 'check-path' || kind === 'upgrade') assert.equal(format, undefined)
    else assert.equal(format, 'v2')
    // Where something is lost, each place is told once, with what is known of it.
    assert.deepEqual(
      losses.map((loss) => loss.damage),
      format === 'v2' ? damage.filter(({ seqs }) => seqs.length > 0) : [],
    )
  })
}

test('a directory without a log, and one that this walv cannot read, are refused by name, with the damages of v1', async (t) => {
  const told = async (name: string) => {
    const { refusal, damage } = await diagnose({
      directory: await makeSick(await temporaryDirectory(t), name),
    })
    return {
      message: refusal?.message.replaceAll(/\S*\/walv-\S*?(?=[ .])/g, 'DIR'),
      damage: damage.map(({ kind }) => kind),
    }
  }
  assert.deepEqual(await told('no log'), { message: 'There is no log in DIR.', damage: [] })
  assert.deepEqual(await told('a newer version'), {
    message: 'segment-0000000001.walv has format version 3; this walv reads up to 2. Use a newer walv.',
    damage: [],
  })
  assert.deepEqual((await told('format v1, damaged')).damage, ['corrupt', 'corrupt'])
})

test('records that verify and make no sense are told one by one, and those around them are passed', async (t) => {
  const directory = await temporaryDirectory(t)
  const undecodable = { type: 1, payload: Buffer.from('nonsense') } as const
  const sound = { type: 9, flags: 1, payload: Buffer.alloc(8) } as const
  await craftSegment(directory, [sound, undecodable, undecodable])
  const disk = new FailingDisk()
  const { damage } = await diagnose({ directory, disk })
  assert.deepEqual(
    damage.map(({ offset, bytes, ...rest }) => rest),
    [1, 2].map((seq) => ({
      kind: 'corrupt',
      file: 'segment-0000000001.walv',
      acknowledged: true,
      seqs: [{ from: seq, through: seq }],
      ids: [],
      detail: `Record ${seq} verifies but makes no sense: it has no room for its fields.`,
    })),
  )
  assert.equal(disk.count('close', /\.walv$/), disk.count('open', /\.walv$/))
})

test('what is lost and what cannot be known are told together, and then nothing is taken for covered', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record that a snapshot holds')
  const covered = await diagnose({ directory })
  assert.match(covered.remedy.steps[0]!, /^Give up what is lost: an index needs it no more/)
  await flipRecordOf('doc-2')(directory)
  const both = await diagnose({ directory })
  assert.equal(both.losses.length, 2)
  assert.deepEqual(
    both.remedy.steps.map((step) => step.replaceAll(directory, 'DIR')),
    [BACKUP, GIVE_UP, WRITE_AGAIN],
  )
})

test('a loss that a snapshot covers is given up lightly only where no other is possible', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record that a snapshot holds')
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => content.subarray(0, content.lastIndexOf('doc-2') - 100))
  const { verdict, damage, remedy } = await diagnose({ directory })
  assert.deepEqual(
    damage.map(({ kind, acknowledged }) => [kind, acknowledged]),
    [
      ['corrupt', true],
      ['truncated', null],
    ],
  )
  assert.deepEqual([verdict, remedy.steps[0]], ['loss', BACKUP])
})

test('a transaction that was open at a crash is not in doubt, one that was prepared is', async () => {
  const disk = new SimulatedDisk()
  const wal = await Wal.open({ directory: '/log', disk })
  const prepared = wal.begin()
  prepared.delete('a')
  await prepared.prepare()
  const open = wal.begin()
  open.delete('b')
  await wal.flush()
  const { recoverable } = await diagnose({ directory: '/log', disk: disk.kill() })
  assert.deepEqual([recoverable?.inDoubt, recoverable?.records], [[prepared.id], 5])
  await open.abort()
  await wal.close()
})

test('a disk that fails, and a signal, end it with what it was about', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a'])
  const disk = new FailingDisk()
  // Opened for its header, for its frames, for its records.
  disk.fail({ operation: 'open', path: /\.walv$/, code: 'EMFILE', nth: 3 })
  await assert.rejects(diagnose({ directory, disk }), (error: Error) => {
    assert.match(error.message, /^The log in .* cannot be examined; nothing was changed/)
    return refusal('WALV_IO')(error)
  })
  const v1 = await makeSick(await temporaryDirectory(t), 'format v1')
  const controller = new AbortController()
  const slow = new FailingDisk()
  const hold = slow.hold('size', /wal-.*\.log$/)
  const looking = diagnose({ directory: v1, disk: slow, signal: controller.signal })
  await hold.reached
  controller.abort()
  hold.release()
  await assert.rejects(looking, refusal('WALV_ABORTED'))
})

test('an unreadable sector within a record that is lost comes first, whatever else is wrong', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await Wal.open({ directory: '/log', disk })
  for (const id of names('doc', 4)) await wal.append(insertOf(id, 1500))
  await wal.close()
  disk.breakSector('/log/segment-0000000001.walv', 6)
  const { remedy } = await diagnose({ directory: '/log', disk })
  assert.deepEqual(remedy.steps, [
    'Look into the disk (dmesg, SMART), then run this again: what it cannot read now, it may read at another try. If not, go on with a copy of the directory on another disk.',
    BACKUP,
    'Without one, give up what is lost. With the writer stopped:\nnpx walv repair /log',
    WRITE_AGAIN,
  ])
})

/** A damage of which only this matters. */
const damageOf = (
  kind: Damage['kind'],
  acknowledged: Damage['acknowledged'],
  more: Partial<Damage> = {},
): Damage => ({
  kind,
  file: 'segment-0000000001.walv',
  offset: 0,
  bytes: 0,
  acknowledged,
  seqs: [],
  ids: [],
  detail: '',
  ...more,
})

/** The remedy for damages of a log of one segment, on a disk that holds some files more. */
async function remedyOf(
  damage: readonly Damage[],
  files: readonly string[] = [],
  logId: string | undefined = 'id',
) {
  const disk = new SimulatedDisk()
  for (const name of ['segment-0000000001.walv', ...files])
    await putFile(disk, join('/log', name), Buffer.alloc(1))
  const analysis = { logId, segments: [{ name: 'segment-0000000001.walv' }] } as unknown as Analysis
  return remedyFor({
    disk,
    directory: '/log',
    damage,
    undecodable: [],
    analysis,
    covered: false,
    rescue: undefined,
  })
}

test('a log of v1 is whole if nothing in it can be lost: a torn tail, what certainly lost nothing, both', () => {
  const [torn, known, lost] = [
    damageOf('torn-tail', null),
    damageOf('order', false),
    damageOf('corrupt', null),
  ]
  for (const damage of [[], [torn], [known], [torn, known]])
    assert.match(remedyForRefusal('WALV_V1_DIRECTORY', '/log', damage).steps[0]!, /^Convert it:/)
  for (const damage of [[lost], [torn, lost], [lost, known]])
    assert.match(remedyForRefusal('WALV_V1_DIRECTORY', '/log', damage).steps[0]!, /^Look for a backup/)
})

test('a torn tail alone is no reason to give a log up whose headers cannot be read', async () => {
  assert.equal((await remedyOf([damageOf('torn-tail', false)], [], '')).kind, 'open')
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/log')
  const illness = { disk, directory: '/log', undecodable: [], covered: false, rescue: undefined }
  const analysis = { logId: undefined, segments: [] } as unknown as Analysis
  assert.equal(
    (await remedyFor({ ...illness, analysis, damage: [damageOf('torn-tail', false)] })).kind,
    'open',
  )
})

test('of several snapshots that one is copied that does not verify, and a stray file is no snapshot', async () => {
  const bad = damageOf('snapshot', false, { file: 'snapshots/snapshot-0000000000000007' })
  const files = ['snapshots/snapshot-0000000000000007/x', 'snapshots/snapshot-0000000000000009/x']
  assert.deepEqual((await remedyOf([bad], files)).files, ['snapshots/snapshot-0000000000000007'])
  const stray = damageOf('foreign', false, { file: 'segment-0000000009.walv' })
  const gone = damageOf('snapshot', false, { file: 'snapshots/snapshot-0000000000000005' })
  const remedy = await remedyOf([gone, stray], files)
  assert.deepEqual([remedy.kind, remedy.files], ['move-file', ['segment-0000000009.walv']])
})

test('a snapshot is looked for in a backup where the beginning of the log is missing, and only there', async () => {
  const snapshot = damageOf('snapshot', false, { file: 'snapshots/snapshot-0000000000000007' })
  const missing = (from: number) => damageOf('missing-segment', true, { seqs: [{ from, through: from + 1 }] })
  const first = async (...damage: readonly Damage[]) => (await remedyOf(damage)).steps[0]!
  assert.match(
    await first(snapshot, missing(0)),
    /^Look for a backup of snapshots\/snapshot-0000000000000007:/,
  )
  const corrupt = damageOf('corrupt', true, { seqs: [{ from: 0, through: 0 }] })
  for (const damage of [[missing(0)], [snapshot, missing(1)], [snapshot, corrupt]])
    assert.equal(await first(...damage), BACKUP)
  const unknown = damageOf('missing-segment', true)
  assert.equal(await first(snapshot, unknown), BACKUP)
})

test('one place that the disk cannot read is reason enough to look into it', async () => {
  const damage = [damageOf('corrupt', true), damageOf('unreadable', true)]
  assert.match((await remedyOf(damage)).steps[0]!, /^Look into the disk/)
})

test('of several logs in one directory the one with the most files goes first, and what is no segment is left alone', async (t) => {
  const directory = await temporaryDirectory(t)
  const logs: string[][] = []
  for (const [count, openings] of [
    [1, 0],
    [3, 12],
    [2, 5],
  ] as const) {
    const other = await temporaryDirectory(t)
    for (let opening = 0; opening < openings; opening++) await writeLog(other, ['a'])
    const wal = await Wal.open({ directory: other, segmentMaxBytes: 65_536 })
    for (const id of names('doc', 9)) await wal.append(insertOf(id, 40_000))
    await wal.close()
    const last = (await segmentsIn(other)).slice(-count)
    logs.push(last.map((path) => basename(path)))
    for (const path of last)
      await cp(path, join(directory, basename(path)), { errorOnExist: true, force: false })
  }
  const [one, three, two] = logs as [string[], string[], string[]]
  await cp(join(directory, one[0]!), join(directory, `${one[0]}.copy`))
  const disk = new FailingDisk()
  const { remedy } = await diagnose({ directory, disk })
  assert.equal(disk.count('close', /\.walv$/), disk.count('open', /\.walv$/))
  assert.deepEqual(remedy.files, [...two, ...one])
  assert.equal(
    remedy.steps[0],
    `Find out which of them belongs here; only you can know. One has 3 files, ${three[0]} to ${three[2]}, another 2 files, ${two[0]} to ${two[1]}, another ${one[0]}.`,
  )
})
