import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  alter,
  collect,
  DurableIndex,
  diagnose,
  flat,
  idsOf,
  insertOf,
  names,
  openIndex,
  segmentsIn,
  startWriter,
  temporaryDirectory,
  Wal,
} from '../../support/kit.ts'
import { flipRecordOf, ILLNESSES, makeSick } from '../../support/sick-logs.ts'
import {
  assertRefused,
  assertUnchanged,
  contentOf,
  jsonLines,
  MAIN,
  outcome,
  type Run,
  textLines,
  walv,
} from './program.ts'

/** Those of a directory's files that are below a path. */
const below = (content: ReadonlyMap<string, string>, path: string): [string, string][] =>
  [...content].flatMap(([file, bytes]): [string, string][] =>
    file === path || file.startsWith(`${path}/`) ? [[file.slice(path.length), bytes]] : [],
  )

for (const { name } of ILLNESSES.filter(
  ({ remedy, name }) => remedy === 'repair' && name !== 'no segment at all',
)) {
  test(`${name}: repaired, it opens without damage, and a copy of every damaged file is kept`, async (t) => {
    const directory = await makeSick(await temporaryDirectory(t), name)
    const before = await diagnose({ directory })
    const damaged = await contentOf(directory)
    const salvaged = await idsOf(directory, { recovery: 'salvage' })
    const [{ repair }, ...more] = await jsonLines(0, 'repair', directory, '--yes')
    const kept = await contentOf(join(directory, 'quarantine'))
    assert.ok(before.remedy.files.length > 0)
    assert.deepEqual(
      repair.quarantined.toSorted(),
      before.remedy.files.map((file) => `quarantine/${file.replace('snapshots/', '')}`).toSorted(),
    )
    for (const file of before.remedy.files)
      assert.deepEqual(below(kept, file.replace('snapshots/', '')), below(damaged, file), file)
    const lost = before.damage.flatMap(({ seqs }) =>
      seqs.flatMap(({ from, through }) =>
        Array.from({ length: Number(through) - Number(from) + 1 }, (_, at) => String(Number(from) + at)),
      ),
    )
    assert.deepEqual([repair.repaired, repair.before, repair.after], [true, before.verdict, 'healthy'])
    assert.deepEqual([repair.gone, repair.ids, more], [lost, before.damage.flatMap(({ ids }) => ids), []])
    await using wal = await Wal.open({ directory, readOnly: true })
    assert.deepEqual(wal.recovery.damage, [])
    const ids = (await collect(wal.read())).filter(({ entry }) => entry.type !== 'gap')
    assert.deepEqual(
      ids.map(({ entry }) => ('id' in entry ? entry.id : entry.type)),
      salvaged,
    )
  })
}

for (const { name, verdict } of ILLNESSES.filter(({ remedy }) => remedy !== 'repair')) {
  const isFine = verdict === 'healthy' || verdict === 'torn-tail'
  test(`${name}: ${isFine ? 'there is nothing to repair' : 'a repair cannot help'}, it says so and changes nothing`, async (t) => {
    const directory = await makeSick(await temporaryDirectory(t), name)
    const code = isFine ? 0 : 1
    await assertUnchanged(directory, async () => {
      const [lines, [{ repair }], doctor] = await Promise.all([
        textLines(code, 'repair', directory),
        jsonLines(code, 'repair', directory, '--yes'),
        diagnose({ directory }),
      ])
      const answer = isFine ? 'There is nothing to repair.' : 'A repair cannot help here.'
      assert.equal(lines.filter((line) => line === `${answer} Nothing was changed.`).length, 1)
      assert.equal(lines.includes('What to do:'), !isFine)
      assert.deepEqual(repair, {
        directory,
        repaired: false,
        gone: [],
        ids: [],
        quarantined: [],
        before: verdict,
        after: verdict,
        remedy: doctor.remedy,
      })
    })
  })
}

test('a log without a segment is begun anew from its snapshot, which is said before and after', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'no segment at all')
  const { stdout, code } = await walv('repair', directory, '--yes')
  assert.equal(code, 0, stdout)
  const [plan, outcome] = [
    'The repair begins the log anew from snapshots/snapshot-0000000000000008.',
    'Repaired. The log begins anew from snapshots/snapshot-0000000000000008.',
  ]
  assert.ok(stdout.includes(plan) && stdout.includes(outcome), stdout)
  assert.match(stdout, /- Records 0 to 8, as not one segment of the log is there\./)
  assert.ok(!stdout.includes('Given up'), stdout)
  await using wal = await Wal.open({ directory, readOnly: true })
  assert.equal(wal.recovery.snapshotSeq, 8)
})

test('A log that is begun anew is told what it gave up, what to write again, and what was put aside', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, { directory, index: flat({ dimensions: 2 }) })
  for (const id of ['a', 'b']) {
    await index.insert(id, [1, 2])
    await index.checkpoint()
  }
  const through = index.stats().lastSeq - 1
  await index.insert('c', [1, 2])
  await index.close()
  for (const segment of await segmentsIn(directory)) await rm(segment)
  const lines = await textLines(0, 'repair', directory, '--yes')
  const outcome = lines.slice(lines.findIndex((line) => line.startsWith('Repaired.'))).join(' ')
  for (const sentence of [
    `What was logged after record ${through} is given up.`,
    'What was moved away is kept: quarantine/snapshot-0000000000000001.',
    `Write again what came after record ${through}, from where it came.`,
  ])
    assert.ok(outcome.includes(sentence), outcome)
})

test('A repair says first what it will do and what is lost, then what is gone, what is kept, and what to do next', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record')
  const { stdout, stderr, code } = await walv('repair', directory, '--yes')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.equal(
    stdout,
    `Records that were acknowledged are lost.

- Record 3, in segment-0000000001.walv at byte 1240: 72 bytes there are damaged. Its id reads
  "doc-3"; it is nowhere else.
What it did is gone: there is no snapshot that holds it.

9 other records verify; the log ends with record 9.

The repair copies segment-0000000001.walv to quarantine/ and writes it anew with all that verifies.
It gives up what is lost, and notes that in the log.

Repaired. Given up: record 3. The id that could be read: "doc-3". What was damaged is kept:
quarantine/segment-0000000001.walv.

What to do:
1. Start your program as usual.
2. Write what is lost again, from where it came.
3. When all is well, you may empty quarantine/.
`,
  )
})

test('With a snapshot among what is damaged, what is kept of it has to stay until the next checkpoint', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a damaged snapshot without what came before')
  const text = (await textLines(0, 'repair', directory, '--yes')).join(' ').replace(/ +/g, ' ')
  assert.match(
    text,
    /The repair copies segment-\d+\.walv to quarantine\/ and writes it anew .* It moves snapshots\/snapshot-\d+ to quarantine\/\./,
  )
  assert.match(
    text,
    /3\. Take a checkpoint: index\.checkpoint\(\)\. Until then, leave quarantine\/ as it is\. 4\. When/,
  )
})

test('Where nobody can be asked, nothing is done without --yes', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record')
  await assertUnchanged(directory, async () => {
    await assertRefused(
      ['repair', directory],
      2,
      'WALV_USAGE',
      /^walv: A repair asks first, and here is no terminal to ask on\. Nothing was changed\. .* then add --yes\./,
    )
    await assertRefused(
      ['repair', directory, '--json'],
      2,
      'WALV_USAGE',
      /With --json nobody is asked\. .* add --yes\./,
    )
  })
})

/** Of util-linux: runs a command in a terminal of its own. */
const PSEUDO_TERMINAL = 'script'

/** Runs a repair at a terminal, where `keys` are typed. */
async function atTerminal(directory: string, keys: string): Promise<Run> {
  const child = spawn(
    PSEUDO_TERMINAL,
    ['-qec', `"${process.execPath}" "${MAIN}" repair "${directory}"`, '/dev/null'],
    {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, SHELL: '/bin/sh', NO_COLOR: '1' },
    },
  )
  let typed = false
  child.stdout!.on('data', (data: Buffer) => {
    if (typed || !data.includes('Repair? [y/N]')) return
    typed = true
    child.stdin!.write(keys)
  })
  return outcome(child)
}

test('At a terminal it asks: a yes repairs, anything else changes nothing', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record')
  for (const keys of ['n\n', '\n', '\u0004']) {
    await assertUnchanged(directory, async () => {
      const { code, stdout } = await atTerminal(directory, keys)
      assert.equal(code, 1, stdout)
      assert.match(
        stdout,
        /It gives up what is lost[\s\S]*Repair\? \[y\/N\] [\s\S]*Nothing was changed\.\r\n$/,
      )
      assert.doesNotMatch(stdout, /Repaired/)
    })
  }
  const { code, stdout } = await atTerminal(directory, 'y\n')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /Repair\? \[y\/N\] [\s\S]*Repaired\. Given up: record 3\./)
  assert.equal((await diagnose({ directory })).verdict, 'healthy')
})

test('Beside a living writer it refuses and names the writer', async (t) => {
  const directory = await temporaryDirectory(t)
  const { child } = await startWriter(t, { directory, count: 5 })
  // Before the log has been idle for a while, the last records are not promised, and damage to them
  // is a torn tail.
  for (let tries = 0; tries < 200 && !(await isPromised(directory)); tries++) await delay(20)
  await flipRecordOf('id-3')(directory)
  await assertUnchanged(directory, async () => {
    await assertRefusedAfterPlan(directory, new RegExp(`process ${child.pid} on ${hostname()} since `))
  })
})

/** Whether the last record is promised: the file says so twice, in sectors of their own. */
async function isPromised(directory: string): Promise<boolean> {
  const content = await readFile((await segmentsIn(directory))[0]!)
  const last = content.lastIndexOf('id-4')
  return content.indexOf(Buffer.from([0xf5, 0x57, 0x56, 0xfe]), last) >= 0
}

async function assertRefusedAfterPlan(directory: string, message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await walv('repair', directory, '--yes')
  assert.deepEqual([code, stdout.includes('Repaired')], [2, false])
  assert.match(stderr, /^walv: [^\n]+ \(WALV_LOCKED\)\n$/)
  assert.match(stderr, message)
}

test('A repair that was killed can be done again, and loses nothing more', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory, segmentMaxBytes: 65_536 })
  for (const id of names('doc', 12)) await wal.append(insertOf(id, 40_000))
  await wal.close()
  for (const id of ['doc-2', 'doc-7', 'doc-9']) await flipRecordOf(id)(directory)
  const salvaged = await idsOf(directory, { recovery: 'salvage' })
  const child = spawn(process.execPath, [MAIN, 'repair', directory, '--yes'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  while (child.exitCode === null && !existsSync(join(directory, 'quarantine'))) await delay(1)
  child.kill('SIGKILL')
  await ended
  await walv('repair', directory, '--yes')
  assert.deepEqual(
    [(await diagnose({ directory })).verdict, await walv('repair', directory).then(({ code }) => code)],
    ['healthy', 0],
  )
  await using strict = await Wal.open({ directory, readOnly: true })
  assert.deepEqual(
    strict.recovery.gaps,
    [2, 7, 9].map((seq) => ({ from: seq, through: seq })),
  )
  assert.deepEqual(
    (await idsOf(directory)).filter((id) => id !== 'gap'),
    salvaged,
  )
})

test('A repair lets go of no snapshot, however many its owner keeps', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({
    directory,
    checkpointRetention: 4,
    index: flat({ dimensions: 2 }),
  })
  for (const id of names('doc', 4)) {
    await index.insert(id, [1, 2])
    await index.checkpoint()
  }
  await index.close()
  const snapshots = await readdir(join(directory, 'snapshots'))
  assert.equal(snapshots.length, 4)
  await alter((await segmentsIn(directory))[0]!, (content) => {
    content[30]! ^= 1
    return undefined
  })
  await jsonLines(0, 'repair', directory, '--yes')
  assert.deepEqual(await readdir(join(directory, 'snapshots')), snapshots)
})

test('Wrong use is refused: no such directory, a file, no argument, one too many, an unknown option', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'notes.txt')
  await writeFile(file, 'mine')
  await mkdir(join(directory, 'empty'))
  await assertUnchanged(directory, async () => {
    const none = join(directory, 'none')
    await assertRefused(['repair', none, '--yes'], 2, 'WALV_NO_DIRECTORY', /There is no directory .*none\./)
    await assertRefused(['repair', file, '-y'], 2, 'WALV_NOT_A_DIRECTORY', /notes\.txt is a file/)
    await assertRefused(['repair'], 2, 'WALV_USAGE', /DIRECTORY is missing\./)
    await assertRefused(['repair', directory, 'x'], 2, 'WALV_USAGE', /"x" is one argument too many/)
    await assertRefused(['repair', directory, '--jsno'], 2, 'WALV_USAGE', /Did you mean --json\?/)
    assert.equal((await walv('repair', join(directory, 'empty'), '--yes')).code, 1)
  })
})
