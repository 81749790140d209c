/**
 * Work on a durable index: changes of all kinds, many at one time, transactions, checkpoints,
 * processes that end in order or die.
 */
import assert from 'node:assert/strict'
import { type Disk, DurableIndex, flat, type VectorIndex, WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import {
  type Content,
  type Effect,
  fingerprintOf,
  type IndexFacts,
  IndexModel,
  type SubmittedUnit,
} from './index-model.ts'
import { harmIn } from './log-workload.ts'
import { Process } from './process.ts'
import { Trouble, type TroubleKind } from './trouble.ts'
import { tick } from './virtual-time.ts'
import { DIRECTORY, seedOf, type Work, type Workload } from './workload.ts'

const DIMENSIONS = 4

/** Makes the index that is to be made durable. */
type MakeIndex = (options: { readonly dimensions: number }) => VectorIndex

export function indexWorkload(
  name: string,
  steps: number,
  trouble: TroubleKind,
  make: MakeIndex = flat,
  hasConditions = false,
): Workload {
  const create = (seed: number) => indexWork(seed, new Trouble(trouble), make, hasConditions)
  return { name, steps, everySeeds: 1, create }
}

/** `hasConditions`: there are changes that expect numbers, and such as have keys. */
export function indexWork(
  seed: number,
  trouble: Trouble,
  make: MakeIndex = flat,
  hasConditions = false,
): Work<IndexFacts> {
  const openIndex = opener(make)
  return {
    disk: { maxLatencyTurns: seed % 3 === 0 ? 2 : 0 },
    onOperation: trouble.onOperation,
    async run(disk, witness, steps) {
      const work = new IndexWork(disk, new IndexModel(witness), trouble, openIndex, hasConditions)
      await work.open()
      for (const step of steps) await work.step(new Random(seedOf(seed, step)), step)
    },
    verify: (disk, facts, witness) =>
      recover(disk, new IndexModel(witness, facts), trouble.hasFaults, openIndex),
  }
}

type OpenIndex = (disk: Disk, readOnly?: boolean) => Promise<DurableIndex>

const opener =
  (make: MakeIndex): OpenIndex =>
  (disk, readOnly = false) =>
    DurableIndex.open({
      directory: DIRECTORY,
      disk,
      readOnly,
      clock: tick,
      index: make({ dimensions: DIMENSIONS }),
      checkpointIntervalEntries: false,
      segmentMaxBytes: 64 * 1024,
    })

/** What an index holds, after making sure that its fingerprint is of that. */
export function contentOf(index: DurableIndex): Content {
  const content = new Map(
    [...index.ids()].map((id) => {
      const { vector, metadata } = index.get(id)!
      return [id, { vector, metadata: JSON.stringify(metadata) }]
    }),
  )
  assert.equal(index.fingerprint(), fingerprintOf(content), 'the fingerprint is not that of what is there')
  return content
}

/**
 * Opens what was left, as any process would, and goes on with it; and again: a second recovery must
 * change nothing.
 */
async function recover(
  disk: SimulatedDisk,
  model: IndexModel,
  hadFaults: boolean,
  openIndex: OpenIndex,
): Promise<void> {
  disk.quotaBytes = Number.POSITIVE_INFINITY
  const index = await openIndex(disk)
  assert.deepEqual(harmIn(index, hadFaults), [], 'without rot, a torn tail is all that can be damaged')
  model.settle(contentOf(index))
  const { effect, id, vector, metadata } = changeOf(new Random(index.size), 'after', index.size)
  const unit = model.submit([effect])
  await index.upsert(id, vector, metadata)
  unit.acknowledge()
  await index.close()
  const again = await openIndex(disk, true)
  model.settle(contentOf(again))
  const harm = hadFaults ? harmIn(again, hadFaults) : again.recovery.damage
  assert.deepEqual(harm, [], 'an index that was recovered and closed is damaged')
}

interface Change {
  readonly id: string
  readonly vector: Float32Array
  readonly metadata: { readonly text: string }
  readonly effect: Effect
}

/**
 * Large at times, so that records cross sectors, pages and checksum pieces, and segments fill.
 * `number` tells it from all others.
 */
function changeOf(random: Random, prefix: string, number: number): Change {
  const id = prefix + random.below(6)
  const length = random.pick([1, 1, 10, 500, 3_000, 20_000])
  const metadata = { text: String.fromCharCode(97 + random.below(26)).repeat(length) }
  const vector = Float32Array.of(number, 1, 2, 3)
  return { id, vector, metadata, effect: [id, { vector, metadata: JSON.stringify(metadata) }] }
}

class IndexWork {
  readonly #disk: SimulatedDisk
  readonly #model: IndexModel
  readonly #trouble: Trouble
  readonly #openIndex: OpenIndex
  #process!: Process
  #index!: DurableIndex
  #random!: Random
  #number = 0
  /** Calls that have no answer yet. */
  #inFlight = 0
  readonly #hasConditions: boolean
  /** Changes that were acknowledged under their keys. */
  readonly #keyed: Change[] = []

  constructor(
    disk: SimulatedDisk,
    model: IndexModel,
    trouble: Trouble,
    openIndex: OpenIndex,
    hasConditions: boolean,
  ) {
    this.#hasConditions = hasConditions
    this.#openIndex = openIndex
    this.#disk = disk
    this.#model = model
    this.#trouble = trouble
  }

  /**
   * What a recovery brings back holds from then on. Where the disk fails meanwhile, the next try
   * must do.
   */
  async open(): Promise<void> {
    for (let last = false; ; last = true) {
      this.#process = new Process(this.#disk)
      try {
        this.#index = await this.#openIndex(this.#process)
        this.#model.settle(contentOf(this.#index))
        return this.#trouble.calm()
      } catch (error) {
        if (last || !this.#trouble.mayFail || !(error instanceof WalError)) throw error
        this.#trouble.calm()
        this.#trouble.makeSpace(this.#disk)
        await this.#process.kill()
      }
    }
  }

  async step(random: Random, step: number): Promise<void> {
    this.#random = random
    this.#number = step * 100
    this.#trouble.draw(random, this.#disk)
    await this.#do(random)
    if (this.#trouble.isHidden || (this.#trouble.mayFail && this.#index.stats().poisoned))
      await this.#reopen()
    this.#trouble.calm()
  }

  async #do(random: Random): Promise<void> {
    const chance = random.below(100)
    if (chance < 30) await this.#one()
    else if (chance < 45) await this.#several()
    else if (chance < 57) await this.#batch()
    else if (chance < 72) await this.#transaction()
    else if (chance < 84) await this.#checkpoint()
    else if (chance < 92) await this.#reopen()
    else await this.#die()
  }

  async #checkpoint(): Promise<void> {
    const beside = this.#random.chance(0.5) ? this.#several() : undefined
    await Promise.all([this.#bear(() => this.#index.checkpoint()), beside])
  }

  async #reopen(): Promise<void> {
    await this.#bear(() => this.#index.close())
    await this.open()
  }

  async #die(): Promise<void> {
    this.#process.killAfter(this.#random.below(this.#random.pick([4, 15, 60])))
    const work = [
      this.#several(),
      this.#random.chance(0.5) ? this.#bear(() => this.#index.checkpoint()) : undefined,
    ]
    await Promise.race([Promise.all(work), this.#process.death])
    await this.#process.kill()
    await this.open()
  }

  async #several(): Promise<void> {
    await Promise.all(Array.from({ length: 2 + this.#random.below(6) }, () => this.#one()))
  }

  async #one(): Promise<void> {
    const change = this.#change()
    if (this.#hasConditions && this.#random.chance(0.4)) return this.#swap(change)
    if (this.#hasConditions && this.#random.chance(0.4)) return this.#once(change)
    if (this.#random.chance(0.15)) return this.#remove(change.id)
    await this.#submit([change.effect], () => this.#index.upsert(change.id, change.vector, change.metadata))
  }

  /** Only if nobody has changed the id since it was looked at. */
  async #swap({ id, vector, metadata, effect }: Change): Promise<void> {
    const seq = this.#index.get(id)?.seq
    const isInFlight = this.#inFlight > 0
    const unit = this.#model.submit([effect])
    await this.#bear(
      async () => {
        try {
          await this.#index.upsert(
            id,
            vector,
            metadata,
            seq === undefined ? { ifAbsent: true } : { ifSeq: seq },
          )
          unit.acknowledge()
        } catch (error) {
          const { code, detail } = error as WalError
          if (code !== 'WALV_CONFLICT') throw error
          assert.ok(isInFlight, `${id} was changed by nobody: ${JSON.stringify(detail)}`)
          unit.refuse()
        }
      },
      () => unit,
    )
  }

  /** Once more, without effect, what was acknowledged under its key, or a new one. */
  async #once(change: Change): Promise<void> {
    const known = this.#random.chance(0.5) ? this.#keyed.at(-1) : undefined
    const { id, vector, metadata, effect } = known ?? change
    const call = (): Promise<void> =>
      this.#index.upsert(id, vector, metadata, { idempotencyKey: `key-${vector[0]}` })
    if (known) return this.#bear(call)
    await this.#submit([effect], async () => {
      await call()
      this.#keyed.push(change)
    })
  }

  async #remove(id: string): Promise<void> {
    // Without a change there is nothing that must be there, nor what came before it.
    await this.#submit([[id, null]], () => this.#index.delete(id))
  }

  async #batch(): Promise<void> {
    const changes = Array.from({ length: 1 + this.#random.below(4) }, () => this.#change())
    await this.#submit(
      changes.map(({ effect }) => effect),
      () =>
        this.#index.batch(
          changes.map(({ id, vector, metadata }) => ({
            type: 'insert',
            id,
            vector,
            metadata,
            replace: true,
          })),
        ),
    )
  }

  /** Aborts at times; others' changes of other ids go on beside it. */
  async #transaction(): Promise<void> {
    const aborts = this.#random.chance(0.3)
    const changes = Array.from({ length: 1 + this.#random.below(3) }, () => this.#change('t'))
    const between = this.#random.chance(0.5)
    let unit: SubmittedUnit | undefined
    await this.#bear(
      async () => {
        const work = this.#index.transaction(async (transaction) => {
          for (const { id, vector, metadata } of changes) await transaction.upsert(id, vector, metadata)
          if (between) await this.#one()
          if (aborts) throw ABORT
          unit = this.#model.submit(changes.map(({ effect }) => effect))
        })
        await work.catch((error) => {
          if (error !== ABORT) throw error
        })
        unit?.acknowledge()
      },
      () => unit,
    )
  }

  /** A removal of what is not there resolves to false, and says nothing of what came before. */
  async #submit(effects: readonly Effect[], call: () => Promise<unknown>): Promise<void> {
    const unit = this.#model.submit(effects)
    await this.#bear(
      async () => {
        if ((await call()) !== false) unit.acknowledge()
      },
      () => unit,
    )
  }

  async #bear(work: () => Promise<unknown>, unit?: () => SubmittedUnit | undefined): Promise<void> {
    this.#inFlight++
    try {
      await work()
    } catch (error) {
      assert.ok(error instanceof WalError, `rejected with ${error instanceof Error ? error.stack : error}`)
      assert.ok(this.#trouble.mayFail, `refused though nothing was wrong: ${error.code} ${error.message}`)
      if (error.fate === 'not-logged') unit?.()?.refuse()
    } finally {
      this.#inFlight--
    }
  }

  #change(prefix = 'a'): Change {
    return changeOf(this.#random, prefix, ++this.#number)
  }
}

const ABORT = new Error('aborted on purpose')
