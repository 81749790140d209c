/**
 * Reverts and forks of an index: whatever a power cut leaves, a revert is there whole or not at
 * all, and a fork whole or not under its name.
 */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { DurableIndex, flat } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { tick } from './virtual-time.ts'
import { DIRECTORY, seedOf, type Work, type Workload } from './workload.ts'

interface Fork {
  readonly path: string
  readonly fingerprint: string
  readonly isDone: boolean
}

export interface TimeFacts {
  /** What the index is, and what it is to be when the call that is under way has answered. */
  readonly now: string
  readonly next: string | undefined
  readonly forks: readonly Fork[]
}

export function timeWorkload(name: string, steps: number): Workload {
  return { name, steps, everySeeds: 2, create: (seed) => timeWork(seed) }
}

const open = (disk: SimulatedDisk, directory: string = DIRECTORY): Promise<DurableIndex> =>
  DurableIndex.open({
    directory,
    disk,
    clock: tick,
    index: flat({ dimensions: 2, metric: 'l2' }),
    checkpointIntervalEntries: false,
    checkpointRetention: 2,
    history: { keepBytes: 2 ** 30 },
  })

function timeWork(seed: number): Work<TimeFacts> {
  return {
    statesPerCut: 8,
    async run(disk, witness, steps) {
      const index = await open(disk)
      const states = new Map([[index.stats().lastSeq, index.fingerprint()]])
      let forks: readonly Fork[] = []
      const tell = (next?: string): void => witness({ now: index.fingerprint(), next, forks })
      for (const step of steps) {
        const random = new Random(seedOf(seed, step))
        tell()
        // What these make of it is not known before.
        witness({ now: index.fingerprint(), next: 'any', forks })
        await change(index, random)
        if (random.chance(0.3)) await index.checkpoint()
        states.set(index.stats().lastSeq, index.fingerprint())
        const [seq, fingerprint] = random.pick([...states])
        tell(fingerprint)
        if (random.chance(0.5)) await index.revertTo({ seq })
        else {
          const path = `${dirname(DIRECTORY)}/fork-${step}`
          forks = [...forks, { path, fingerprint, isDone: false }]
          tell()
          await index.fork(path, { seq })
          forks = forks.map((fork) => (fork.path === path ? { ...fork, isDone: true } : fork))
        }
        tell()
        states.set(index.stats().lastSeq, index.fingerprint())
      }
      await index.close()
    },
    verify,
  }
}

async function change(index: DurableIndex, random: Random): Promise<void> {
  const ids = ['a', 'b', 'c', 'd']
  for (let times = random.below(3); times >= 0; times--)
    await index.upsert(random.pick(ids), [times, random.below(9)])
  if (random.chance(0.5)) await index.delete(random.pick(ids))
}

async function verify(disk: SimulatedDisk, facts: TimeFacts | undefined): Promise<void> {
  if (facts === undefined) return
  const { now, next, forks } = facts
  const index = await open(disk)
  const found = index.fingerprint()
  assert.ok(next === 'any' || found === now || found === next, 'a revert is there in part')
  const names = (await disk.list(dirname(DIRECTORY))).map(({ name }) => name)
  for (const { path, fingerprint, isDone } of forks) {
    if (names.includes(path.slice(dirname(DIRECTORY).length + 1))) {
      const fork = await open(disk, path)
      assert.equal(fork.fingerprint(), fingerprint, 'a fork has its name, and is not whole')
      assert.deepEqual(fork.recovery.damage, [])
      await fork.close()
    } else {
      assert.ok(!isDone, 'a fork was done, and is not there')
      // Under another name: should the power be cut meanwhile, it is not the one of the facts.
      const again = `${path}-again`
      await disk.remove(again).catch(() => {})
      await index.fork(again)
      const fork = await open(disk, again)
      assert.equal(fork.fingerprint(), found)
      await fork.close()
    }
  }
  await index.close()
}
