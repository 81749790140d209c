/** What the README shows is what is printed: by doctor over a damaged log, and by the demo. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, run } from '../package/nodes.ts'
import { DurableIndex, flat } from '../support/kit.ts'

const page = readFileSync(join(ROOT, 'README.md'), 'utf8')

/** Resolves to what `walv doctor` prints of a log with a loss. */
const doctor = (directory: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const program = join(ROOT, 'build/src/cli/main.js')
    execFile(process.execPath, [program, 'doctor', directory], (error, stdout) =>
      error?.code === 1 ? resolve(stdout) : reject(error ?? new Error(stdout)),
    )
  })

test('doctor prints over a damaged log what the README says', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'walv-readme-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const vector = (n: number) => Float32Array.from({ length: 768 }, (_, element) => Math.sin(n + element))
  const index = await DurableIndex.open({ directory, index: flat({ dimensions: 768 }) })
  for (const [n, id] of ['intro', 'pricing', 'faq'].entries()) await index.insert(id, vector(n))
  await index.upsert('pricing', vector(3))
  await index.close()
  const file = join(directory, 'segment-0000000001.walv')
  const content = await readFile(file)
  content[content.lastIndexOf('pricing') - 1_000]! ^= 1
  await writeFile(file, content)

  const text = (await doctor(directory)).replaceAll(directory, './data').trim()
  assert.ok(page.includes(`\n\`\`\`text\n${text}\n\`\`\`\n`), `not in the README:\n${text}`)
})

test('the pictures are those that are drawn of what was measured and printed', async () => {
  await run(process.execPath, [join(ROOT, 'scripts/draw-pictures.mjs'), '--check'], { cwd: ROOT }).catch(
    ({ stderr }: { stderr: string }) => assert.fail(stderr),
  )
})

test('what the README says of the chart is what was measured', () => {
  assert.match(page, /256 in flight are 15 times as many/)
  assert.match(page, /a third of the inserts that its log takes alone, and half of what lmdb takes/)
  assert.match(page, /One at a time it is faster than lmdb/)
  const { rows } = JSON.parse(readFileSync(join(ROOT, 'bench/results/durable-index.json'), 'utf8')) as {
    rows: { variant: string; peer: string; perSecond: number[] }[]
  }
  const median = (inFlight: number, peer: string): number => {
    const row = rows.find(
      (each) => each.variant === `${inFlight} in flight, 768 dimensions` && each.peer === peer,
    )!
    return row.perSecond.toSorted((a, b) => a - b)[1]!
  }
  const ratio = (peer: string, inFlight = 256) => median(inFlight, 'durable-index') / median(inFlight, peer)
  assert.equal(Math.round(median(256, 'durable-index') / median(1, 'durable-index')), 15)
  assert.equal(ratio('walv').toFixed(1), '0.3')
  assert.equal(ratio('lmdb').toFixed(1), '0.5')
  assert.ok(ratio('lmdb', 1) > 1)
})
