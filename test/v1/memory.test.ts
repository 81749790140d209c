import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { V1Writer } from '../../src/v1/writer.ts'
import {
  FIXTURES,
  fixtureNames,
  header,
  insert,
  nth,
  rawFrame,
  segment,
  temporaryDirectory,
} from './helpers.ts'

const CHILD = fileURLToPath(new URL('./memory-child.js', import.meta.url))
const LIMIT_BYTES = 200 * 1024 * 1024

interface Cost {
  readonly records: number
  readonly damages: number
  /** Of the processor, so that other processes do not count. */
  readonly readMs: number
  readonly peakBytes: number
}

async function costOf(...directories: string[]): Promise<Cost> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, ...directories])
  return JSON.parse(stdout)
}

test('every fixture is read and recovered within 200 MB', async () => {
  const cost = await costOf(...fixtureNames.map((name) => join(FIXTURES, name)))
  assert.ok(cost.records > 300)
  assert.ok(cost.peakBytes < LIMIT_BYTES, `${cost.peakBytes} bytes`)
})

test('100 MB of zeros behind five records are one damage, found within a second and 200 MB', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, nth(1))
  fs.writeFileSync(file, segment(0, 1, 2, 3, 4))
  fs.truncateSync(file, 100_000_000)
  const cost = await costOf(directory)
  assert.deepEqual([cost.records, cost.damages], [10, 1])
  assert.ok(cost.readMs < 1_000, `${cost.readMs} ms`)
  assert.ok(cost.peakBytes < LIMIT_BYTES, `${cost.peakBytes} bytes`)
})

test('a log of 300 MB is read and recovered within 200 MB', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const writer = await V1Writer.create(nodeDisk, directory)
  const entry = insert('vector', ...new Array(768).fill(0.5))
  for (let seq = 0n; seq < 100_000n; seq++) await writer.append(seq, entry)
  await writer.close()
  const cost = await costOf(directory)
  assert.deepEqual([cost.records, cost.damages], [200_000, 0])
  assert.ok(cost.peakBytes < LIMIT_BYTES, `${cost.peakBytes} bytes`)
})

test('300 000 records that cannot be read take no memory, and no more time each than one', async (t) => {
  const directory = temporaryDirectory(t)
  const bad = rawFrame(9, Buffer.from('cWALWALWALWAL'))
  fs.writeFileSync(join(directory, nth(1)), Buffer.concat([header(), ...new Array(300_000).fill(bad)]))
  const cost = await costOf(directory)
  assert.deepEqual([cost.records, cost.damages], [0, 300_000])
  assert.ok(cost.readMs < 6_000, `${cost.readMs} ms: the time grows with the square of the number`)
  assert.ok(cost.peakBytes < LIMIT_BYTES, `${cost.peakBytes} bytes`)
})

test('a claim of 100 MB in a small file takes no memory', async (t) => {
  const directory = temporaryDirectory(t)
  const claim = rawFrame(0, Buffer.alloc(30))
  claim.writeUInt32LE(100_000_000, 8)
  fs.writeFileSync(join(directory, nth(1)), Buffer.concat([header(), claim]))
  const cost = await costOf(directory)
  assert.deepEqual([cost.records, cost.damages], [0, 1])
  assert.ok(cost.peakBytes < LIMIT_BYTES, `${cost.peakBytes} bytes`)
})
