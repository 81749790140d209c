import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { insert, kill, names, startWriter, temporaryDirectory, Wal, writeLog } from '../../support/kit.ts'
import { flipRecordOf, ILLNESSES, makeSick } from '../../support/sick-logs.ts'
import { TOLD } from './doctor-told.ts'
import {
  assertRefused,
  assertUnchanged,
  jsonLines,
  MAIN,
  outcome,
  type Run,
  textLines,
  walv,
} from './program.ts'

const isFine = (verdict: string): boolean => verdict === 'healthy' || verdict === 'torn-tail'

for (const { name, verdict, make } of ILLNESSES) {
  test(`${name}: told in lines that fit, each thing once, and in JSON; nothing is touched`, async (t) => {
    const directory = await temporaryDirectory(t)
    await make(directory)
    const code = isFine(verdict) ? 0 : 1
    await assertUnchanged(directory, async () => {
      const [lines, [{ diagnosis }, ...more]] = await Promise.all([
        textLines(code, 'doctor', directory),
        jsonLines(code, 'doctor', directory),
      ])
      const running = lines.filter((line) => line !== '' && !line.startsWith('     '))
      for (const line of running.slice(1)) assert.ok(line.length <= 100, line)
      const sentences = running.join(' ').match(/[A-Z][^.]*\.(?= |$)/g)!
      assert.deepEqual([...new Set(sentences)], sentences)
      const text = `${lines.join('\n')}\n`.replaceAll(directory, 'DIR')
      const expected = TOLD.get(name) ?? text
      assert.equal(expected.includes('byte N') ? text.replace(/byte \d+: \d+/, 'byte N: N') : text, expected)
      assert.deepEqual([diagnosis.verdict, diagnosis.directory, more], [verdict, directory, []])
      assert.equal(lines.includes('What to do:'), diagnosis.remedy.steps.length > 0)
    })
  })
}

/** The commands of the steps, run by a shell, with this build for `npx walv`. */
async function follow(steps: readonly string[]): Promise<Run> {
  const commands = steps.flatMap((step) => step.split('\n').slice(1))
  const script = commands.map((command) =>
    command.replace(
      /^npx walv (repair )?/,
      (_, repair) => `"$NODE" "$MAIN" ${repair ? 'repair --yes ' : ''}`,
    ),
  )
  const child = spawn('sh', ['-ec', script.join('\n')], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE: process.execPath, MAIN },
  })
  return outcome(child)
}

for (const { name, remedy } of ILLNESSES.filter((each) =>
  ['repair', 'rename-file', 'move-file', 'replace-link', 'convert'].includes(each.remedy),
)) {
  test(`${name}: the commands that doctor gives put it right`, async (t) => {
    const directory = join(await temporaryDirectory(t), "it's here")
    await makeSick(directory, name)
    const [{ diagnosis }] = await jsonLines(1, 'doctor', directory)
    const { stderr } = await follow(diagnosis.remedy.steps)
    assert.equal(stderr, '')
    const [{ diagnosis: after }] = await jsonLines(
      0,
      'doctor',
      remedy === 'convert' ? `${directory}-v2` : directory,
    )
    assert.equal(after.verdict, 'healthy')
  })
}

test('A loss is told in JSON with all that is known of it', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record behind the snapshot')
  const [{ diagnosis }] = await jsonLines(1, 'doctor', directory)
  const { damage, refusal, remedy, recoverable, ...rest } = diagnosis
  assert.deepEqual(rest, {
    directory,
    verdict: 'loss',
    format: 'v2',
    stuckCursors: [],
    losses: [
      {
        file: 'segment-0000000001.walv',
        offset: damage[0].offset,
        inSnapshot: [],
        unsure: [],
        gone: ['13'],
        ids: [{ id: 'doc-2', older: 'snapshot', newer: null }],
      },
    ],
    writer: null,
  })
  assert.equal(refusal.code, 'WALV_DAMAGED')
  assert.deepEqual([damage.length, damage[0].seqs, damage[0].ids], [1, ['13'], ['doc-2']])
  assert.deepEqual([remedy.kind, remedy.files], ['repair', ['segment-0000000001.walv']])
  assert.deepEqual([recoverable.records, recoverable.lastSeq, recoverable.snapshotSeq], [13, '13', '8'])
})

test('The words are written down for illnesses that there are', () => {
  const known = new Set(ILLNESSES.map(({ name }) => name))
  assert.deepEqual(
    [...TOLD.keys()].filter((name) => !known.has(name)),
    [],
  )
})

test('Of each lost id it is told what is left of it: before the loss, and behind it', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await wal.append(insert('kept'))
  await wal.append(insert('older'))
  await wal.append({ type: 'update', id: 'older', vector: [3, 2, 1] })
  await wal.append({ type: 'delete', id: 'ended' })
  await wal.append(insert('ended'))
  await wal.append(insert('kept too'))
  await wal.append(insert('later'))
  await wal.appendBatch([{ type: 'batch', entries: [{ type: 'update', id: 'older', metadata: 1 }] }])
  await wal.append({ type: 'delete', id: 'later' })
  await wal.append({ ...insert('ended'), replace: true })
  await wal.close()
  // Records 2, 4 and 6.
  await flipRecordOf('older', 2)(directory)
  await flipRecordOf('ended', 2)(directory)
  await flipRecordOf('later', 1)(directory)
  const text = (await textLines(1, 'doctor', directory)).join(' ').replace(/ +/g, ' ')
  assert.match(
    text,
    /Its id reads "older"; record 1 has an older version of it, and record 7 changes it again\./,
  )
  assert.match(text, /"ended"; record 9 inserts it again\./)
  assert.match(text, /"later"; record 8 deletes it\./)
  const [{ diagnosis }] = await jsonLines(1, 'doctor', directory)
  const ids = diagnosis.losses.flatMap((loss: { ids: unknown[] }) => loss.ids)
  assert.deepEqual(ids, [
    { id: 'older', older: '1', newer: { seq: '7', type: 'update' } },
    { id: 'ended', older: null, newer: { seq: '9', type: 'insert' } },
    { id: 'later', older: null, newer: { seq: '8', type: 'delete' } },
  ])
})

test('Where the snapshot has some of what is lost, it is told of each place', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await wal.append(insert('before'))
  const open = wal.begin()
  open.insert('within', [1, 2, 3])
  await wal.append(insert('meanwhile'))
  const snapshot = async () => null
  await wal.checkpoint({ seq: 3, snapshot })
  await wal.append(insert('behind'))
  await open.commit()
  await wal.close()
  for (const id of ['before', 'meanwhile', 'behind']) await flipRecordOf(id)(directory)
  const text = (await textLines(1, 'doctor', directory)).join(' ').replace(/ +/g, ' ')
  assert.match(text, /Its id reads "before"\. The snapshot holds what it did\. - Record 3, /)
  assert.match(
    text,
    /"meanwhile"\. The snapshot holds what it did, unless that was in a transaction still open then\. /,
  )
  assert.match(text, /"behind"; it is nowhere else\. What it did is gone\. /)
  assert.match(
    text,
    /4 other records verify; the log ends with record 6\. The snapshot through record 3 verifies\./,
  )
})

test('Of very many places the first are told, and how many there are more', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, names('doc', 60))
  for (let number = 10; number < 52; number += 2) await flipRecordOf(`doc-${number}`)(directory)
  const lines = await textLines(1, 'doctor', directory)
  assert.equal(lines.filter((line) => line.startsWith('- Record ')).length, 20)
  assert.ok(lines.includes('- and 1 place more; --json has all'))
})

test('A writer beside it is named; one that was killed too', async (t) => {
  const directory = await temporaryDirectory(t)
  const { child } = await startWriter(t, { directory, count: 1 })
  const who = `process ${child.pid} on ${hostname()}`
  const beside = await textLines(0, 'doctor', directory)
  assert.ok(
    beside.some((line) => line.startsWith(`It seems to be open for writing now, in ${who}, since 2`)),
    beside.join('\n'),
  )
  assert.ok(beside.includes('Record 0 verifies.'))
  await kill(child)
  assert.ok(
    (await textLines(0, 'doctor', directory)).includes(`Its last writer, ${who}, ended without closing it.`),
  )
})

test('What an earlier repair gave up, and what waits for a decision, is told', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a lost record')
  await using wal = await Wal.open({ directory, recovery: 'repair' })
  for (let count = 0; count < 2; count++) {
    const transaction = wal.begin()
    transaction.delete('doc-0')
    await transaction.prepare()
  }
  await wal.close()
  const [, , line] = await textLines(0, 'doctor', directory)
  assert.match(line!, /An earlier repair gave up record 3\. 2 transactions are prepared and wait$/)
})

test('Nothing that an id or a path holds reaches the terminal as a control', async (t) => {
  const directory = join(await temporaryDirectory(t), 'a\u001b[2Jb\nc')
  await writeLog(directory, ['\u202egnp.exe', 'other'])
  await flipRecordOf('\u202egnp.exe')(directory)
  const { stdout, code } = await walv('doctor', directory)
  assert.equal(code, 1)
  assert.match(stdout, /Its id reads\s+"\\u202egnp\.exe"/)
  assert.match(stdout, /npx walv repair \$'.*a\\u001b\[2Jb\\u000ac'\n/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/)
})

test('A segment that is gone before it was read through is no crash', async (t) => {
  const directory = await makeSick(await temporaryDirectory(t), 'a missing segment')
  await rm(join(directory, 'segment-0000000001.walv'))
  const lines = await textLines(1, 'doctor', directory)
  assert.match(lines.join(' '), /- Records 0 to 5, the beginning of the log: the file with them is gone/)
})

test('Wrong use is refused: no such directory, a file, no argument, one too many, an unknown option', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'notes.txt')
  await writeFile(file, 'mine')
  await assertUnchanged(directory, async () => {
    const none = join(directory, 'none')
    await assertRefused(
      ['doctor', none],
      2,
      'WALV_NO_DIRECTORY',
      /There is no directory .*none\. Check the path\./,
    )
    await assertRefused(['doctor', file, '--json'], 2, 'WALV_NOT_A_DIRECTORY', /notes\.txt is a file/)
    await assertRefused(['doctor'], 2, 'WALV_USAGE', /DIRECTORY is missing\./)
    await assertRefused(['doctor', directory, 'x'], 2, 'WALV_USAGE', /"x" is one argument too many/)
    await assertRefused(['doctor', directory, '--jsno'], 2, 'WALV_USAGE', /Did you mean --json\?/)
  })
})
