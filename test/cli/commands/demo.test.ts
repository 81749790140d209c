import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { check, newIndex } from '../../../src/cli/demo/check.ts'
import { Findings } from '../../../src/cli/demo/findings.ts'
import { IN_FLIGHT } from '../../../src/cli/demo/protocol.ts'
import type { Word } from '../../../src/cli/demo/word.ts'
import {
  alter,
  DurableIndex,
  frameOf,
  refusal,
  segmentsIn,
  temporaryDirectory,
  writeLog,
} from '../../support/kit.ts'
import { assertRefused, assertUnchanged, MAIN, outcome } from './program.ts'

test('After three kills nothing acknowledged is lost, and nothing is left of the demo', async (t) => {
  const temporary = await temporaryDirectory(t)
  const child = spawn(process.execPath, [MAIN, 'demo', '--kills', '3'], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary },
  })
  const { code, stdout, stderr } = await outcome(child)
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, stdout)
  assert.deepEqual(await readdir(temporary), [])
  const [_command, ...pictured] = frameOfDemo(await readFile('docs/pictures/demo.txt', 'utf8'))
  assert.deepEqual(pictured, frameOfDemo(stdout), 'draw docs/pictures/demo.svg again')
  const lines = stdout.split('\n').slice(0, -1)
  for (const kill of [1, 2, 3])
    assert.equal(lines.filter((line) => line.startsWith(`kill ${kill}  `)).length, 1)
  assert.equal(
    lines.filter((line) => /^ +found [\d,]+: every acknowledged word is there, bit for bit/.test(line))
      .length,
    3,
  )
  assert.ok(
    lines.some((line) =>
      /^kill 2 +(killed in a checkpoint|finished before the kill|killed while writing)/.test(line),
    ),
  )
  assert.ok(
    lines.some((line) => /^ +nearest to king: +prince 0\.23 +queen 0\.25/.test(line)),
    lines.join('\n'),
  )
  const times = lines.filter((line) => /^kill \d+ +killed /.test(line)).length
  const inCheckpoint = lines.filter((line) => /^kill \d+ +killed in a checkpoint/.test(line)).length
  const killed = `killed: ${times} time${times === 1 ? '' : 's'}, ${inCheckpoint} of them in a checkpoint`
  assert.deepEqual(
    lines.slice(-6).map((line) =>
      line
        .replace(/ {2,}/, ': ')
        .replace(/[\d,.]+ MiB/, 'N MiB')
        .replace(/^acknowledged: .*/, 'acknowledged'),
    ),
    [
      'acknowledged',
      killed,
      'recovered: 10,000 (N MiB of log)',
      'lost: 0',
      'never written, but there: 0',
      'Nothing acknowledged was lost.',
    ],
  )
})

/** What is the same in every run, of what the demo prints: the kills are not. */
const frameOfDemo = (printed: string): string[] =>
  stripVTControlCharacters(printed)
    .trim()
    .split('\n')
    .filter((line) => !/^kill |^ +(recovery|found)/.test(line))
    .map((line) => line.replaceAll(/\d[\d,.]*/g, 'N').replace(/ times?,/, ' times,'))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`The demo that is told to end by ${signal} ends, and its writer, and nothing is left of it`, async (t) => {
    const temporary = await temporaryDirectory(t)
    const child = spawn(process.execPath, [MAIN, 'demo'], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: temporary },
    })
    const ended = once(child, 'exit')
    // The first kill is told: the second writer is about to start, or writes.
    for await (const text of child.stdout!) if (/^kill 1 /m.test(String(text))) break
    child.kill(signal)
    assert.deepEqual(await ended, [null, signal])
    assert.deepEqual(await readdir(temporary), [])
  })
}

test('A log that is damaged between two kills ends the demo with exit code 1', async (t) => {
  const directory = join(await temporaryDirectory(t), 'index')
  const child = spawn(process.execPath, [MAIN, 'demo', '--kills', '4', '--directory', directory], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const harm: Promise<void>[] = []
  child.stdout!.on('data', () => harm.push(spoilFirstRecords(directory)))
  const { code, stdout, stderr } = await outcome(child)
  await Promise.all(harm)
  assert.equal(code, 1, stdout + stderr)
  assert.match(stderr, /WALV_DAMAGED/)
  assert.doesNotMatch(stdout, /Nothing acknowledged was lost/)
})

/**
 * Overwrites the same few bytes of the first record of every segment, however often it is called.
 */
async function spoilFirstRecords(directory: string): Promise<void> {
  for (const segment of await segmentsIn(directory).catch(() => [])) {
    const file = await open(segment, 'r+').catch(() => undefined)
    await file?.write(Buffer.alloc(8, 0xff), 0, 8, 1024 + 80)
    await file?.close()
  }
}

const WORDS: Word[] = Array.from({ length: 200 }, (_, rank) => ({
  id: `word-${rank}`,
  vector: Float32Array.of(rank, 1),
}))
const FIRST_100 = new Set(Array.from({ length: 100 }, (_, rank) => rank))

/**
 * What the check finds of an index that holds the first hundred words, acknowledged, after
 * `change`.
 */
async function checkAfter(t: TestContext, change: (index: DurableIndex) => Promise<unknown>) {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: newIndex(2) })
  await index.batch(
    WORDS.slice(0, 100).map(({ id, vector }, rank) => ({ type: 'insert', id, vector, metadata: { rank } })),
  )
  await change(index)
  await index.close()
  const { missing, altered, invented, found, unacknowledged } = await check(directory, WORDS, FIRST_100)
  return { missing, altered, invented, found, unacknowledged }
}

const FINE = { missing: [], altered: [], invented: [], found: 100, unacknowledged: 0 }

test('The check of the demo finds nothing where all is as it was acknowledged', async (t) => {
  assert.deepEqual(await checkAfter(t, async () => {}), FINE)
})

test('The check finds an acknowledged word that is missing', async (t) => {
  const missing = ['word-0', 'word-99']
  const result = await checkAfter(t, (index) => Promise.all(missing.map((id) => index.delete(id))))
  assert.deepEqual(result, { ...FINE, missing, found: 98 })
})

test('The check finds a vector of which one bit has changed, and metadata that is another', async (t) => {
  const result = await checkAfter(t, async (index) => {
    const vector = Float32Array.of(7, 1)
    new Uint32Array(vector.buffer)[1]! ^= 1
    await index.upsert('word-7', vector, { rank: 7 })
    await index.update('word-8', { metadata: { rank: 9 } })
    await index.update('word-9', { metadata: null })
  })
  assert.deepEqual(
    { ...result, altered: result.altered.toSorted() },
    { ...FINE, altered: ['word-7', 'word-8', 'word-9'] },
  )
})

test('The check finds minus zero in the place of zero', async (t) => {
  const result = await checkAfter(t, (index) => index.upsert('word-0', [-0, 1], { rank: 0 }))
  assert.deepEqual(result, { ...FINE, altered: ['word-0'] })
})

test('The check finds a word that there is not, and one that was not yet handed over', async (t) => {
  const result = await checkAfter(t, async (index) => {
    await index.insert('nonsense', [1, 1], { rank: 0 })
    await index.insert(`word-${99 + IN_FLIGHT}`, WORDS[99 + IN_FLIGHT]!.vector, { rank: 99 + IN_FLIGHT })
    await index.insert(`word-${99 + IN_FLIGHT + 1}`, WORDS[99 + IN_FLIGHT + 1]!.vector, {
      rank: 99 + IN_FLIGHT + 1,
    })
  })
  const invented = ['nonsense', `word-${99 + IN_FLIGHT + 1}`]
  assert.deepEqual(
    { ...result, invented: result.invented.toSorted() },
    { ...FINE, invented, found: 103, unacknowledged: 3 },
  )
})

test('The check refuses a log that is damaged, and finds what is missing once it is repaired', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: newIndex(2) })
  for (const [rank, { id, vector }] of WORDS.slice(0, 100).entries()) await index.insert(id, vector, { rank })
  await index.close()
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => {
    content[frameOf(content, 'word-50', 2) + 54]! ^= 1
    return undefined
  })
  await assert.rejects(check(directory, WORDS, FIRST_100), refusal('WALV_DAMAGED'))
  const repaired = await DurableIndex.open({ directory, index: newIndex(2), recovery: 'repair' })
  await repaired.close()
  const { missing, altered, invented, found } = await check(directory, WORDS, FIRST_100)
  assert.deepEqual(
    { missing, altered, invented, found },
    { missing: ['word-50'], altered: [], invented: [], found: 99 },
  )
})

test('What several checks find counts once', () => {
  const findings = new Findings()
  const nothing = { missing: [], altered: [], invented: [] }
  findings.add(nothing)
  assert.equal(findings.isEmpty, true)
  findings.add({ ...nothing, missing: ['a'], invented: ['x'] })
  findings.add({ ...nothing, missing: ['b'], altered: ['a'], invented: ['x'] })
  assert.deepEqual([findings.isEmpty, findings.lost.size, findings.invented.size], [false, 2, 1])
  for (const bad of [{ missing: ['a'] }, { altered: ['a'] }, { invented: ['a'] }]) {
    const one = new Findings()
    one.add({ ...nothing, ...bad })
    assert.equal(one.isEmpty, false)
  }
})

test('A directory with anything in it is refused, and left as it is', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a'])
  await assertUnchanged(directory, () =>
    assertRefused(['demo', '--directory', directory], 2, 'WALV_USAGE', /is not empty\. Give a new directory/),
  )
})

test('A directory that cannot be one, and a number out of range, are refused before anything is written', async () => {
  await assertRefused(['demo', '--directory', MAIN], 2, 'WALV_NOT_A_DIRECTORY', /is a file, not a directory/)
  for (const kills of ['0', '1001', '-1', 'many'])
    await assertRefused(
      ['demo', `--kills=${kills}`],
      2,
      'WALV_USAGE',
      /--kills needs a whole number from 1 to 1,000/,
    )
})
