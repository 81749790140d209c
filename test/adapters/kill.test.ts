/** A process that inserts into a usearch index, with checkpoints on the way, is killed. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { usearch } from '../../src/adapters/usearch.ts'
import { DurableIndex, kill, temporaryDirectory, withoutSeq } from '../support/kit.ts'
import { warningsOf } from './engines.ts'
import { killVector } from './kill-vector.ts'

const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url))
const ROUNDS = 4
const NUMBERS_PER_ROUND = 100_000

interface Told {
  readonly number: number
  readonly checkpoints: number
}

test('everything acknowledged is there after each kill, and found; temporary files are not', async (t) => {
  const home = await temporaryDirectory(t)
  const directory = join(home, 'data')
  const temporary = join(home, 'tmp')
  await mkdir(temporary)
  const warnings = warningsOf(t)
  const acknowledged = new Set<number>()
  let checkpoints = 0
  let fromSnapshot = 0
  for (let round = 0; round < ROUNDS; round++) {
    const child = fork(CHILD, [directory, String(round * NUMBERS_PER_ROUND)], {
      env: { ...process.env, TMPDIR: temporary },
    })
    t.after(() => kill(child))
    const wanted = acknowledged.size + 1_000 + 60 * round
    let most = 0
    await new Promise<void>((resolve, reject) => {
      child.on('exit', () => reject(new Error('the process ended by itself')))
      child.on('message', (told: Told) => {
        acknowledged.add(told.number)
        most = told.checkpoints
        if (acknowledged.size >= wanted) resolve()
      })
    })
    await kill(child)
    checkpoints += most
    await using index = await DurableIndex.open({
      directory,
      index: usearch({ dimensions: 12 }),
      checkpointIntervalEntries: false,
    })
    fromSnapshot = Math.max(fromSnapshot, index.recovery.fromSnapshot)
    for (const number of acknowledged) {
      const expected = killVector(number % 5 === 0 ? number + 1 : number)
      assert.deepEqual(withoutSeq(index.get(`id-${number}`)), { vector: expected, metadata: { number } })
    }
    let found = 0
    for (const number of acknowledged) {
      const hits = await index.search(index.get(`id-${number}`)!.vector, { k: 2 })
      if (hits.some(({ id }) => id === `id-${number}`)) found++
    }
    assert.ok(found >= acknowledged.size * 0.99, `${found} of ${acknowledged.size} are found`)
    if (process.platform === 'linux') assert.deepEqual(await readdir(temporary), [])
  }
  assert.ok(checkpoints >= ROUNDS, `${checkpoints} checkpoints were taken`)
  assert.ok(fromSnapshot > 300, `${fromSnapshot} vectors came from a snapshot`)
  assert.deepEqual(warnings, [])
  t.diagnostic(
    `${acknowledged.size} acknowledged, ${checkpoints} checkpoints, ${fromSnapshot} from a snapshot`,
  )
})
