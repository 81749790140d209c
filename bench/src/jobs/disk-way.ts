import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Job, Metrics } from '../job.ts'
import { preallocate, writeAndSync, writeAndSyncAsync } from '../peers/raw-file.ts'
import { quantile } from '../statistics.ts'

export interface DiskWayJob extends Job {
  readonly way: keyof typeof WAYS
  readonly groupBytes: number
  readonly groups: number
  /**
   * The file has its size and no blocks, as what was never written. Else it was written before, as
   * what is recycled.
   */
  readonly isSparse?: boolean
}

/** Puts one group where it belongs, and answers when it is on stable storage. */
type PutGroup = (position: number) => void | Promise<void>

interface Way {
  readonly put: PutGroup
  close?(): Promise<unknown>
}

const { O_DIRECT, O_DSYNC, O_WRONLY } = fs.constants
const PAGE_BYTES = 4096

const WAYS = {
  'two blocking calls': (path: string, group: Buffer): Way => {
    const file = fs.openSync(path, 'r+')
    return { put: (position) => writeAndSync(file, group, position) }
  },
  'two calls': (path: string, group: Buffer): Way => {
    const file = fs.openSync(path, 'r+')
    return { put: (position) => writeAndSyncAsync(file, group, position) }
  },
  'one call, O_DSYNC': (path: string, group: Buffer): Way => {
    const file = fs.openSync(path, O_WRONLY | O_DSYNC)
    return { put: (position) => writeAsync(file, group, position) }
  },
  'one call, O_DIRECT and O_DSYNC': (path: string, group: Buffer): Way => {
    const file = fs.openSync(path, O_WRONLY | O_DIRECT | O_DSYNC)
    const aligned = inAlignedMemory(file, group)
    return { put: (position) => writeAsync(file, aligned, position) }
  },
  'two blocking calls in a thread of its own': inThread,
}

function writeAsync(file: number, group: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(file, group, 0, group.length, position, (error) => (error ? reject(error) : resolve()))
  })
}

/**
 * A copy that begins on a page. Where memory lies cannot be asked, but the system refuses what does
 * not.
 */
function inAlignedMemory(file: number, group: Buffer): Buffer {
  const memory = Buffer.allocUnsafeSlow(group.length + PAGE_BYTES)
  for (let offset = 0; offset < PAGE_BYTES; offset += 16) {
    const candidate = memory.subarray(offset, offset + group.length)
    try {
      fs.writeSync(file, candidate, 0, PAGE_BYTES, 0)
    } catch {
      continue
    }
    group.copy(candidate)
    return candidate
  }
  throw new Error('no memory that O_DIRECT takes')
}

/**
 * Woken and answered through shared memory, which is the quickest way there is between two threads
 * of JavaScript.
 */
const THREAD = `
const { workerData: { path, group, signals } } = require('node:worker_threads')
const fs = require('node:fs')
const file = fs.openSync(path, 'r+')
for (let turn = 1; ; turn++) {
  Atomics.wait(signals, 0, turn - 1)
  const position = signals[2] * ${PAGE_BYTES}
  if (position < 0) break
  fs.writeSync(file, group, 0, group.length, position)
  fs.fdatasyncSync(file)
  Atomics.store(signals, 1, turn)
  Atomics.notify(signals, 1)
}`

type WaitAsync = (
  cells: Int32Array,
  index: number,
  value: number,
) => { readonly value: Promise<string> | string }

function inThread(path: string, group: Buffer): Way {
  const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync }
  const signals = new Int32Array(new SharedArrayBuffer(12))
  const shared = new Uint8Array(new SharedArrayBuffer(group.length))
  shared.set(group)
  const worker = new Worker(THREAD, { eval: true, workerData: { path, group: shared, signals } })
  let turn = 0
  const start = (position: number): void => {
    signals[2] = position / PAGE_BYTES
    Atomics.store(signals, 0, ++turn)
    Atomics.notify(signals, 0)
  }
  return {
    put: async (position) => {
      start(position)
      await waitAsync(signals, 1, turn - 1).value
    },
    close: () => {
      start(-PAGE_BYTES)
      return new Promise((resolve) => worker.once('exit', resolve))
    },
  }
}

/** Groups of one size, one after the other, into one file. No log, no encoding. */
export async function diskWay(job: DiskWayJob): Promise<Metrics> {
  const { groups, groupBytes } = job
  const path = join(job.directory, 'groups')
  fs.closeSync(preallocate(path, job.isSparse ? 0 : groups * groupBytes))
  if (job.isSparse) fs.truncateSync(path, 1.1 * groups * groupBytes)
  const way = WAYS[job.way](path, randomBytes(groupBytes))
  // What is without blocks has them only once: the warm-up goes behind.
  const behind = job.isSparse ? groups : 0
  for (let group = 0; group < groups / 10; group++) await way.put((behind + group) * groupBytes)
  const latencies = new Float64Array(groups)
  const cpuBefore = process.cpuUsage()
  const start = performance.now()
  for (let group = 0, last = start; group < groups; group++) {
    await way.put(group * groupBytes)
    const now = performance.now()
    latencies[group] = now - last
    last = now
  }
  const elapsedMs = performance.now() - start
  const cpu = process.cpuUsage(cpuBefore)
  await way.close?.()
  latencies.sort()
  return {
    mbPerSecond: (groups * groupBytes) / 1000 / elapsedMs,
    p50Us: 1000 * quantile(latencies, 0.5),
    p99Us: 1000 * quantile(latencies, 0.99),
    cpuUsPerGroup: (cpu.user + cpu.system) / groups,
  }
}
