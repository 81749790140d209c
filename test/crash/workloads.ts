/** Work on a log for the crash explorer, decided by a seed. */
import { DurableIndex, flat, type RecoveryPolicy, WalError } from '../../src/mod.ts'
import { Random } from '../../src/testing/random.ts'
import type { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { type Effect, type Facts, Model } from './model.ts'

export const DIRECTORY = '/data/log'
const DIMENSIONS = 4

/** A clock that every run counts alike. */
function clock(): () => number {
  let now = 1_700_000_000_000
  return () => now++
}

export function openIndex(disk: SimulatedDisk, recovery: RecoveryPolicy = 'strict'): Promise<DurableIndex> {
  return DurableIndex.open({
    directory: DIRECTORY,
    disk,
    recovery,
    clock: clock(),
    index: flat({ dimensions: DIMENSIONS }),
    checkpointIntervalEntries: false,
    segmentMaxBytes: 64 * 1024,
  })
}

/** What an index holds, as the model says it. */
export function contentOf(index: DurableIndex): Map<string, string> {
  return new Map([...index.ids()].map((id) => [id, valueText(index.get(id)!.vector[0]!, index.get(id)!.metadata)]))
}

export const valueText = (number: number, metadata: unknown): string => `${number} ${JSON.stringify(metadata)}`

/** Does `steps` random things with an index, reopening it now and then, and tells the model. */
export async function indexWorkload(
  disk: SimulatedDisk,
  witness: (facts: Facts) => void,
  seed: number,
  steps: number,
): Promise<void> {
  const random = new Random(seed)
  const model = new Model(witness)
  const work = new Work(random, model)
  let index = await openIndex(disk)
  for (let step = 0; step < steps; step++) {
    const chance = random.below(100)
    if (chance < 40) await work.single(index)
    else if (chance < 55) await work.several(index)
    else if (chance < 68) await work.batch(index)
    else if (chance < 82) await work.transaction(index)
    else if (chance < 92) await index.checkpoint()
    else {
      await index.close()
      index = await openIndex(disk)
    }
  }
  if (random.chance(0.5)) await index.close()
}

class Work {
  readonly #random: Random
  readonly #model: Model
  #counter = 0

  constructor(random: Random, model: Model) {
    this.#random = random
    this.#model = model
  }

  async single(index: DurableIndex): Promise<void> {
    await this.#one(index)
  }

  async several(index: DurableIndex): Promise<void> {
    await Promise.all(Array.from({ length: 2 + this.#random.below(6) }, () => this.#one(index)))
  }

  async batch(index: DurableIndex): Promise<void> {
    const changes = Array.from({ length: 1 + this.#random.below(4) }, () => this.#change())
    const acknowledged = this.#model.submit(changes.map(({ effect }) => effect))
    await index.batch(
      changes.map(({ id, vector, metadata }) => ({ type: 'insert', id, vector, metadata, replace: true })),
    )
    acknowledged()
  }

  /** Aborts at times; interleaves with others' changes of other ids. */
  async transaction(index: DurableIndex): Promise<void> {
    const aborts = this.#random.chance(0.3)
    const changes = Array.from({ length: 1 + this.#random.below(3) }, () => this.#change('t'))
    const between = this.#random.chance(0.5)
    let acknowledged: (() => void) | undefined
    try {
      await index.transaction(async (transaction) => {
        for (const { id, vector, metadata } of changes) transaction.upsert(id, vector, metadata)
        if (between) await this.#one(index)
        if (aborts) throw new Error('aborted on purpose')
        acknowledged = this.#model.submit(changes.map(({ effect }) => effect))
      })
      acknowledged?.()
    } catch (error) {
      if (!aborts || error instanceof WalError) throw error
    }
  }

  async #one(index: DurableIndex): Promise<void> {
    const removes = this.#random.chance(0.15)
    const { id, vector, metadata, effect } = this.#change()
    if (removes) {
      const acknowledged = this.#model.submit([[id, null]])
      // Without a change there is nothing that must be there, nor what came before it.
      if (await index.delete(id)) acknowledged()
    } else {
      const acknowledged = this.#model.submit([effect])
      await index.upsert(id, vector, metadata)
      acknowledged()
    }
  }

  /** Large at times, so that records cross sectors, pages and checksum pieces, and segments fill. */
  #change(prefix = 'a'): { id: string; vector: Float32Array; metadata: { text: string }; effect: Effect } {
    const id = prefix + this.#random.below(6)
    const number = ++this.#counter
    const length = this.#random.pick([1, 1, 10, 500, 3_000, 20_000])
    const metadata = { text: String.fromCharCode(97 + this.#random.below(26)).repeat(length) }
    return { id, vector: Float32Array.of(number, 1, 2, 3), metadata, effect: [id, valueText(number, metadata)] }
  }
}
