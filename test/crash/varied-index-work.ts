/** Steps of work on a durable index, each of calls of many kinds, drawn at random. */
import assert from 'node:assert/strict'
import {
  type DurableIndex,
  type IndexEntry,
  type JsonValue,
  type UpdateEntry,
  type VectorInput,
  WalError,
  type WalErrorCode,
} from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { Random } from '../../src/testing/random.ts'
import type { Effect, IndexModel, SubmittedUnit, Value } from './index-model.ts'
import { contentOf } from './index-workload.ts'
import { Process } from './process.ts'
import type { Trouble } from './trouble.ts'
import { numbered, openIndex, type Settings } from './varied-index.ts'
import { flow, passTime, turn } from './virtual-time.ts'

const MAX_STEP_MS = 20_000
const IDLE_MS = 150

/** A change as it is asked for, and what it does. */
interface Change {
  readonly entry: IndexEntry & { readonly id: string }
  readonly effect: Effect
}

export class VariedIndexWork {
  readonly #disk: SimulatedDisk
  readonly #model: IndexModel
  readonly #settings: Settings
  readonly #trouble: Trouble
  /** Refusals that are in order now, beside those of a disk that fails. */
  readonly #expected = new Set<WalErrorCode>()
  #process!: Process
  #index!: DurableIndex
  #random!: Random
  /** Tells values from all others. */
  #number = 0

  constructor(disk: SimulatedDisk, model: IndexModel, settings: Settings, trouble: Trouble) {
    this.#disk = disk
    this.#model = model
    this.#settings = settings
    this.#trouble = trouble
  }

  /**
   * What a recovery brings back holds from then on. Where the disk fails meanwhile, another try
   * must do.
   */
  async open(): Promise<void> {
    for (let tries = 3; ; tries--) {
      this.#process = new Process(this.#disk)
      try {
        this.#index = await openIndex(this.#process, this.#settings)
        this.#model.settle(contentOf(this.#index))
        this.#expected.clear()
        return this.#trouble.calm()
      } catch (error) {
        if (tries === 1 || !this.#trouble.mayFail || !(error instanceof WalError)) throw error
        this.#trouble.calm()
        this.#trouble.makeSpace(this.#disk)
        await this.#process.kill()
      }
    }
  }

  /** While it is done time passes, and whatever was asked for is answered in the end. */
  async step(random: Random, step: number): Promise<void> {
    this.#random = random
    this.#number = step * 1_000
    this.#trouble.draw(random, this.#disk)
    await flow(MAX_STEP_MS, 'what was asked for', this.#do(), () => {})
    if (this.#trouble.isHidden || (this.#trouble.mayFail && this.#index.stats().poisoned))
      await this.#reopen()
    this.#trouble.calm()
    if (random.chance(0.2)) await passTime(IDLE_MS)
  }

  async #do(): Promise<void> {
    const chance = this.#random.below(100)
    if (chance < 25) await this.#several()
    else if (chance < 35) await this.#change(this.#batch())
    else if (chance < 50) await this.#transaction()
    else if (chance < 60) await this.#many()
    else if (chance < 68) await this.#beside(() => this.#index.checkpoint())
    else if (chance < 74) await this.#beside(() => this.#index.flush())
    else if (chance < 80) await this.#deleteWhere()
    else if (chance < 86) await this.#reopen()
    else if (chance < 93) await this.#closeMeanwhile()
    else await this.#die()
  }

  /**
   * What is acknowledged now is durable when it has resolved, whatever else is asked for meanwhile.
   */
  async #beside(work: () => Promise<unknown>): Promise<void> {
    const beside = this.#several()
    if (this.#random.chance(0.5)) await turn()
    await Promise.all([this.#bear(() => this.#model.vouchAfter(work())), beside])
  }

  async #reopen(): Promise<void> {
    await this.#close()
    await this.open()
  }

  /** One that is poisoned has told so before, and is closed as it is. */
  async #close(): Promise<void> {
    const { poisoned } = this.#index.stats()
    await this.#bear(() => (poisoned ? this.#index.close() : this.#model.vouchAfter(this.#index.close())))
  }

  async #closeMeanwhile(): Promise<void> {
    this.#expected.add('WALV_CLOSED')
    this.#expected.add('WALV_TRANSACTION_ENDED')
    const work = [this.#several(), this.#transaction()]
    for (let turns = this.#random.below(6); turns > 0; turns--) await turn()
    await Promise.all([...work, this.#close()])
    await this.open()
  }

  async #die(): Promise<void> {
    this.#process.killAfter(this.#random.below(this.#random.pick([4, 15, 60])))
    const work: Promise<unknown>[] = [this.#several(), this.#transaction()]
    if (this.#random.chance(0.5)) work.push(this.#bear(() => this.#index.checkpoint()))
    await Promise.race([Promise.all(work), this.#process.death])
    await this.#process.kill()
    await this.open()
  }

  async #several(): Promise<void> {
    const count = 1 + this.#random.below(this.#random.pick([3, 12]))
    await Promise.all(Array.from({ length: count }, () => this.#change([this.#any('a')])))
  }

  #batch(): Change[] {
    return Array.from({ length: 1 + this.#random.below(5) }, (_, place) => this.#any(`b${place}-`))
  }

  /** One alone, several as a batch with a batch in it. */
  #change(changes: readonly Change[]): Promise<void> {
    const entries = changes.map(({ entry }) => entry)
    const unit = this.#model.submit(changes.map(({ effect }) => effect))
    const [first, ...others] = entries
    return this.#submit(unit, () =>
      others.length === 0
        ? this.#one(first!)
        : this.#index.batch([first!, { type: 'batch', entries: others }]),
    )
  }

  #one(entry: Change['entry']): Promise<unknown> {
    switch (entry.type) {
      case 'insert':
        return this.#index.insert(entry.id, entry.vector, entry.metadata ?? null)
      case 'upsert':
        return this.#index.upsert(entry.id, entry.vector, entry.metadata ?? null)
      case 'update':
        return this.#index.update(entry.id, changeIn(entry))
      default:
        return this.#index.delete(entry.id)
    }
  }

  /**
   * Many items, each a change of its own, the first of which may be there though the last is not.
   */
  async #many(): Promise<void> {
    const values = Array.from({ length: 1 + this.#random.below(20) }, () => this.#value())
    const items = values.map((value, place) => ({ id: `m${place}`, ...callOf(value) }))
    const units = values.map((value, place) => this.#model.submit([[`m${place}`, value]], true))
    await this.#bear(
      async () => {
        await this.#index.insertMany(items, { replace: true })
        units.at(-1)!.acknowledge()
      },
      () => ({
        ...units[0]!,
        refuse: () => {
          // Those before the first that was refused are in.
          const isIn = (place: number): boolean =>
            this.#index.get(`m${place}`)?.vector[0] === values[place]!.vector[0]
          for (const [place, unit] of units.entries()) if (!isIn(place)) unit.refuse()
        },
      }),
    )
  }

  async #deleteWhere(): Promise<void> {
    const limit = this.#random.below(this.#number)
    const ids = [...this.#model.latest].filter(([, { metadata }]) => JSON.parse(metadata).number < limit)
    const units = ids.map(([id]) => this.#model.submit([[id, null]]))
    await this.#bear(
      async () => {
        assert.equal(await this.#index.deleteWhere({ number: { $lt: limit } }), ids.length)
        units.at(-1)?.acknowledge()
      },
      () => ({ acknowledge: () => {}, refuse: () => refuseAll(units) }),
    )
  }

  /**
   * So long at times that what was read first is gone from a reader's memory when its commit is
   * read.
   */
  async #transaction(): Promise<void> {
    const changes = Array.from({ length: 1 + this.#random.below(4) }, (_, place) => this.#any(`t${place}-`))
    const [aborts, waits] = [this.#random.chance(0.3), this.#random.chance(0.6)]
    let unit: SubmittedUnit | undefined
    await this.#bear(
      async () => {
        const work = this.#index.transaction(async (transaction) => {
          for (const { entry } of changes) {
            if (entry.type === 'insert')
              await transaction.insert(entry.id, entry.vector, entry.metadata ?? null)
            if (entry.type === 'upsert')
              await transaction.upsert(entry.id, entry.vector, entry.metadata ?? null)
            if (entry.type === 'update') await transaction.update(entry.id, changeIn(entry))
            if (entry.type === 'delete') await transaction.delete(entry.id)
          }
          if (waits) for (let times = this.#random.below(4); times > 0; times--) await this.#several()
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

  /**
   * A change that is possible once all that was submitted has taken effect. Ids of one prefix are
   * changed by one call at a time, or by calls in a row.
   */
  #any(prefix: string): Change {
    const id = prefix + this.#random.below(4)
    const isThere = this.#model.latest.has(id)
    const value = this.#value()
    const { vector, metadata } = callOf(value)
    const chance = this.#random.below(10)
    if (!isThere) {
      const type = chance < 6 ? 'insert' : 'upsert'
      return { entry: { type, id, vector, metadata }, effect: [id, value] }
    }
    if (chance < 3) return { entry: { type: 'upsert', id, vector, metadata }, effect: [id, value] }
    if (chance < 5)
      return { entry: { type: 'update', id, vector }, effect: [id, (before) => ({ ...before!, vector })] }
    if (chance < 8) {
      const effect: Effect = [id, (before) => ({ ...before!, metadata: value.metadata })]
      return { entry: { type: 'update', id, metadata }, effect }
    }
    return { entry: { type: 'delete', id }, effect: [id, null] }
  }

  #value(): Value {
    const length = this.#random.pick([1, 1, 10, 500, this.#settings.maxTextLength])
    return numbered(++this.#number, this.#settings.dimensions, 'x'.repeat(length))
  }

  async #submit(unit: SubmittedUnit, call: () => Promise<unknown>): Promise<void> {
    await this.#bear(
      async () => {
        if ((await call()) !== false) unit.acknowledge()
      },
      () => unit,
    )
  }

  async #bear(work: () => Promise<unknown>, unit?: () => SubmittedUnit | undefined): Promise<void> {
    try {
      await work()
    } catch (error) {
      assert.ok(error instanceof WalError, `rejected with ${error instanceof Error ? error.stack : error}`)
      const isExpected = this.#trouble.mayFail || this.#expected.has(error.code)
      assert.ok(isExpected, `refused though nothing was wrong: ${error.code} ${error.message}`)
      if (error.fate === 'not-logged') unit?.()?.refuse()
    }
  }
}

function refuseAll(units: readonly SubmittedUnit[]): void {
  for (const unit of units) unit.refuse()
}

const changeIn = ({
  vector,
  metadata,
}: UpdateEntry<VectorInput>): { vector?: VectorInput; metadata?: JsonValue } => ({
  ...(vector && { vector }),
  ...(metadata && { metadata }),
})

const callOf = ({
  vector,
  metadata,
}: Value): { vector: Float32Array; metadata: { number: number; text: string } } => ({
  vector,
  metadata: JSON.parse(metadata),
})

const ABORT = new Error('aborted on purpose')
