import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  type LogPlace,
  logConformance,
  SimulatedDisk,
  type SimulatedDiskOptions,
  Wal,
  type WalOptions,
} from '../support/kit.ts'
import { caseOf } from './case-of.ts'
import { WRONG_APPENDING } from './wrong/log-appending.ts'
import { WRONG_CHECKPOINTS } from './wrong/log-checkpoints.ts'
import { WRONG_LIFETIME } from './wrong/log-lifetime.ts'
import { WRONG_READING } from './wrong/log-reading.ts'
import { WRONG_TRANSACTIONS } from './wrong/log-transactions.ts'
import type { Memory } from './wrong/straight-log.ts'

const WRONG_LOGS = {
  ...WRONG_APPENDING,
  ...WRONG_READING,
  ...WRONG_TRANSACTIONS,
  ...WRONG_CHECKPOINTS,
  ...WRONG_LIFETIME,
}

const OPTIONS: Partial<WalOptions>[] = [
  {},
  { segmentMaxBytes: 64 * 1024, checkpointRetention: 1 },
  { durability: 'os' },
  { durability: { intervalMs: 1 } },
]

function simulated(diskOptions: SimulatedDiskOptions, options: Partial<WalOptions>): LogPlace {
  const disk = new SimulatedDisk(diskOptions)
  return { open: () => Wal.open({ ...options, directory: '/data/log', disk }) }
}

async function real(options: Partial<WalOptions>): Promise<LogPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'walv-log-'))
  return {
    open: () => Wal.open({ ...options, directory }),
    remove: () => rm(directory, { recursive: true }),
  }
}

for (const options of OPTIONS) {
  describe(`Wal ${JSON.stringify(options)} on a simulated disk`, () => {
    for (const { name, run } of logConformance(() => simulated({}, options))) test(name, run)
  })
}

describe('Wal on a simulated disk that answers in any order', () => {
  for (const { name, run } of logConformance(() => simulated({ maxLatencyTurns: 3 }, {}))) test(name, run)
})

for (const options of OPTIONS.slice(0, 2)) {
  describe(`Wal ${JSON.stringify(options)} on a real disk`, () => {
    for (const { name, run } of logConformance(() => real(options))) test(name, run)
  })
}

test('a case closes every log that it opened and then removes it, also when it fails', async () => {
  const { type, caughtBy } = WRONG_TRANSACTIONS['commits what is aborted']!
  const ends: string[] = []
  const cases = logConformance(() => {
    const disk = new SimulatedDisk()
    return {
      async open() {
        const log = new type(await Wal.open({ directory: '/log', disk }), { opened: 0 })
        const close = log.close.bind(log)
        log.close = () => close().then(() => void ends.push('closed'))
        return log
      },
      async remove() {
        ends.push('removed')
      },
    }
  })
  await assert.rejects(caseOf(cases, caughtBy).run())
  assert.deepEqual(ends, ['closed', 'removed'])
})

describe('a log that', () => {
  const caught = new Set<string>()

  for (const [what, { type, caughtBy }] of Object.entries(WRONG_LOGS)) {
    test(`${what} fails the case: ${caughtBy}`, async () => {
      const cases = logConformance(() => {
        const disk = new SimulatedDisk()
        const memory: Memory = { opened: 0 }
        return { open: async () => new type(await Wal.open({ directory: '/log', disk }), memory) }
      })
      await assert.rejects(caseOf(cases, caughtBy).run())
      caught.add(caughtBy)
    })
  }

  test('breaks any sentence at all is caught by the case of that name', () => {
    const all = logConformance(() => simulated({}, {})).map(({ name }) => name)
    assert.deepEqual([...caught].sort(), all.sort())
  })
})
