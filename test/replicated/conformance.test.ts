/** A log on an engine keeps the contract of a log, as far as it is one that others write, too. */
import { describe, test } from 'node:test'
import { ReplicatedLog } from '../../src/replicated/replicated-log.ts'
import {
  logConformance,
  SimulatedDisk,
  SimulatedEngine,
  type SimulatedEngineOptions,
} from '../support/kit.ts'

/**
 * What it does without: transactions are kept in memory until their commit, and are one record; so
 * nothing of them can be prepared.
 */
const WITHOUT = { transactionRecords: false, twoPhaseCommit: false }

async function open(engine: SimulatedEngine, disk: SimulatedDisk, cacheDirectory: string) {
  const openEngine = async () => engine.connect()
  const log = await ReplicatedLog.open({ openEngine, name: 'simulated', cacheDirectory, disk })
  await log.follow(
    -1,
    () => {},
    async () => log.lastCheckpoint!.sequenceNumber,
  )
  return log
}

function place(options: SimulatedEngineOptions, hasOther: boolean) {
  const engine = new SimulatedEngine(options)
  const disk = new SimulatedDisk()
  let other: ReplicatedLog | undefined
  return {
    async open() {
      if (hasOther) other ??= await open(engine, disk, '/other')
      return open(engine, disk, '/one')
    },
    remove: async () => other?.close(),
  }
}

describe('the log of a node that is alone', () => {
  for (const { name, run } of logConformance(() => place({}, false), WITHOUT))
    test(name, { timeout: 20_000 }, run)
})

describe('the log of one node of two, on an engine that is far away', () => {
  for (const { name, run } of logConformance(() => place({ seed: 3, maxLatencyMs: 2 }, true), WITHOUT))
    test(name, { timeout: 20_000 }, run)
})
