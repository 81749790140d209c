/**
 * Work on a durable index with everything that it can be asked for and every option that it has:
 * inserts, updates, nested batches, long transactions, many items at once, automatic checkpoints,
 * all levels, segments that are read ahead, late answers; flushes, checkpoints and closing beside
 * changes.
 */
import assert from 'node:assert/strict'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { withLateAnswers } from './delays.ts'
import { type IndexFacts, IndexModel } from './index-model.ts'
import { contentOf } from './index-workload.ts'
import { harmIn } from './log-workload.ts'
import { Trouble, type TroubleKind } from './trouble.ts'
import { numbered, openIndex, type Settings, settingsOf } from './varied-index.ts'
import { VariedIndexWork } from './varied-index-work.ts'
import { seedOf, type Work, type Workload } from './workload.ts'

export function variedIndexWorkload(name: string, trouble: TroubleKind): Workload {
  // A state of it costs four times as much as one of the others.
  return { name, steps: 10, everySeeds: 3, create: (seed) => variedIndexWork(seed, new Trouble(trouble)) }
}

export function variedIndexWork(seed: number, trouble: Trouble): Work<IndexFacts> {
  const settings = settingsOf(seed)
  const syncsEach = settings.durability === 'commit'
  return {
    disk: { maxLatencyTurns: seed % 2 },
    statesPerCut: 3,
    onOperation: trouble.onOperation,
    async run(disk, witness, steps) {
      const model = new IndexModel(witness, undefined, syncsEach, trouble.hasFaults)
      const work = new VariedIndexWork(disk, model, settings, trouble)
      await work.open()
      await withLateAnswers(new Random(seed), async () => {
        for (const step of steps) await work.step(new Random(seedOf(seed, step)), step)
      })
    },
    verify: (disk, facts, witness) =>
      recover(
        disk,
        new IndexModel(witness, facts, syncsEach, trouble.hasFaults),
        settings,
        trouble.hasFaults,
      ),
  }
}

/**
 * Opens what was left, as any process would, and goes on with it; and again: a second recovery must
 * change nothing.
 */
async function recover(
  disk: SimulatedDisk,
  model: IndexModel,
  settings: Settings,
  hadFaults: boolean,
): Promise<void> {
  disk.quotaBytes = Number.POSITIVE_INFINITY
  const index = await openIndex(disk, settings)
  assert.deepEqual(harmIn(index, hadFaults), [], 'without rot, a torn tail is all that can be damaged')
  model.settle(contentOf(index), model.facts.durable)
  const value = numbered(index.size, settings.dimensions, 'after')
  const unit = model.submit([['after', value]])
  await index.upsert('after', value.vector, JSON.parse(value.metadata))
  unit.acknowledge()
  await index.close()
  const again = await openIndex(disk, settings, true)
  model.settle(contentOf(again))
  const harm = hadFaults ? harmIn(again, hadFaults) : again.recovery.damage
  assert.deepEqual(harm, [], 'an index that was recovered and closed is damaged')
}
