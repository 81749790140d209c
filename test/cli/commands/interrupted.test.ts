/** Commands that are told to end in the middle of what they write leave nothing of it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { DurableIndex, flat, names, temporaryDirectory } from '../../support/kit.ts'
import { jsonLines, MAIN } from './program.ts'

const DIMENSIONS = 100

/** An index whose export and conversion take a second or more. */
async function someIndex(t: TestContext): Promise<{ folder: string; directory: string }> {
  const folder = await temporaryDirectory(t)
  const directory = join(folder, 'index')
  const vector = Float32Array.from({ length: DIMENSIONS }, (_, at) => Math.sin(at))
  await using index = await DurableIndex.open({
    directory,
    index: flat({ dimensions: DIMENSIONS }),
    durability: 'os',
    checkpointIntervalEntries: false,
  })
  await index.insertMany(names('id', 10_000).map((id) => ({ id, vector })))
  return { folder, directory }
}

/** Ends the command as soon as it has begun to write beside what was in the folder before. */
async function interrupt(folder: string, signal: NodeJS.Signals, args: readonly string[]): Promise<void> {
  const before = (await readdir(folder)).toSorted()
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  while ((await readdir(folder)).length === before.length && child.exitCode === null) await setTimeout(2)
  child.kill(signal)
  assert.deepEqual(await ended, [null, signal])
  assert.deepEqual((await readdir(folder)).toSorted(), before)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`An export that is ended by ${signal} leaves nothing of its file`, async (t) => {
    const { folder, directory } = await someIndex(t)
    await interrupt(folder, signal, ['export', directory, join(folder, 'vectors.jsonl')])
    await interrupt(folder, signal, ['export', directory, join(folder, 'vectors.npy')])
  })

  test(`A conversion that is ended by ${signal} leaves nothing of its directory`, async (t) => {
    const { folder, directory } = await someIndex(t)
    await interrupt(folder, signal, ['convert', directory, join(folder, 'v1')])
    await jsonLines(0, 'convert', directory, join(folder, 'v1'))
    await interrupt(folder, signal, ['convert', join(folder, 'v1'), join(folder, 'v2')])
  })
}
