/**
 * A consumer with a named cursor, beside or in the process that writes: either dies, closes and
 * comes back, and retention lets go of what it may. Every acknowledged change behind the committed
 * position is told, in order, with none left out unless it is said that some are gone; the position
 * never goes back, and never stands behind what the log has lost.
 */
import assert from 'node:assert/strict'
import { type CommittedUnit, type Cursor, type Disk, type Durability, Wal, WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { Process } from './process.ts'
import { flow, timeNow } from './virtual-time.ts'
import { DIRECTORY, seedOf, type Work, type Workload } from './workload.ts'

const MAX_STEP_MS = 20_000
const NAME = 'consumer'
const KIB = 1024
const UNLIMITED = 1024 ** 3
const LEVELS: readonly Durability[] = ['commit', 'commit', 'os', { intervalMs: 40 }]

/** Where a change took effect, and what it says. */
interface Unit {
  readonly seq: number
  readonly text: string
}

/** What is known outside. Immutable. */
interface Facts {
  readonly acknowledged: readonly Unit[]
  /** To the consumer, by any of its lives, since its cursor was made. */
  readonly told: readonly Unit[]
  /** Where the cursor was made; undefined while there may be none. */
  readonly begin: number | undefined
  readonly committed: number
  /** The furthest that anybody has asked for. */
  readonly attempted: number
}

const NOTHING: Facts = { acknowledged: [], told: [], begin: undefined, committed: -1, attempted: -1 }

interface Shape {
  readonly durability: Durability
  readonly maxHeldBytes: number
  /** Whether the consumer has a process of its own. */
  readonly follows: boolean
}

export const cursorsWorkload = (name: string): Workload => ({
  name,
  steps: 10,
  everySeeds: 1,
  create: cursorsWork,
})

function cursorsWork(seed: number): Work<Facts> {
  const random = new Random(seed)
  const shape: Shape = {
    durability: random.pick([...LEVELS]),
    maxHeldBytes: random.pick([UNLIMITED, UNLIMITED, 150 * KIB]),
    follows: random.chance(0.5),
  }
  return {
    disk: { maxLatencyTurns: seed % 3 },
    statesPerCut: 3,
    async run(disk, witness, steps) {
      const work = new Consuming(disk, witness, shape)
      await work.begin()
      for (const step of steps) await work.step(new Random(seedOf(seed, step)))
      await work.end()
    },
    verify: (disk, facts = NOTHING, witness) =>
      flow(MAX_STEP_MS, 'what was left is read on', afterCut(disk, facts, shape, witness), () => {}),
  }
}

const openLog = (disk: Disk, { durability }: Shape, follow = false): Promise<Wal> =>
  Wal.open({
    directory: DIRECTORY,
    ...{ disk, clock: timeNow, durability, follow },
    segmentMaxBytes: 64 * KIB,
    checkpointRetention: 1,
  })

const textOf = ({ entries }: CommittedUnit): string =>
  entries.map((entry) => ('id' in entry ? entry.id : entry.type)).join()

/** A log that lost its end has other records under the numbers of those that are gone. */
async function afterCut(
  disk: SimulatedDisk,
  facts: Facts,
  shape: Shape,
  witness: (facts: Facts) => void,
): Promise<void> {
  const wal = await openLog(disk, shape)
  const cursor = await wal.cursor(NAME, { from: 'begin' })
  const { position } = cursor
  if (facts.begin !== undefined) {
    assert.ok(position >= facts.committed, `committed to ${facts.committed}, and it stands at ${position}`)
    assert.ok(position <= facts.attempted, `nobody moved it to ${position}, beyond ${facts.attempted}`)
    needTold(facts, position)
    await needSame(wal, facts, position)
  }
  const units: Unit[] = []
  const isWhole = await readOn(wal, cursor, wal.lastSeq, (unit) => units.push(unit))
  assert.ok(isWhole || shape.maxHeldBytes < UNLIMITED, 'it may hold all, and some are gone')
  if (isWhole && facts.begin !== undefined && shape.durability === 'commit')
    needOrder(facts, units, position, wal.lastSeq)
  if (isWhole && units.length > 0) {
    const { seq } = units.at(-1)!
    const told = [...facts.told, ...units]
    witness({ ...facts, told, attempted: Math.max(facts.attempted, seq) })
    await cursor.commit(seq)
    assert.equal(cursor.position, seq)
    witness({ ...facts, told, attempted: Math.max(facts.attempted, seq), committed: seq })
  }
  await wal.close()
}

/** Everything that was acknowledged before a position was told before it was committed. */
function needTold({ acknowledged, told, begin }: Facts, position: number): void {
  const texts = new Map(told.map(({ seq, text }) => [`${seq} ${text}`, true]))
  for (const { seq, text } of acknowledged)
    if (seq > begin! && seq <= position)
      assert.ok(texts.has(`${seq} ${text}`), `${text} at ${seq} is behind ${position}, and nobody was told`)
}

/** What is in the log before a position is what was told. */
async function needSame(wal: Wal, { told, begin }: Facts, position: number): Promise<void> {
  const texts = new Set(told.map(({ seq, text }) => `${seq} ${text}`))
  assert.ok(position <= wal.lastSeq, `it stands at ${position}, and the log ends with ${wal.lastSeq}`)
  for await (const unit of wal.replay({ from: wal.stats().firstSeq, after: begin! }))
    if (unit.seq <= position)
      assert.ok(texts.has(`${unit.seq} ${textOf(unit)}`), `${textOf(unit)} at ${unit.seq} was never told`)
}

/** What a reading told is in order, and has everything that was acknowledged there. */
function needOrder({ acknowledged }: Facts, units: readonly Unit[], from: number, through: number): void {
  for (const [at, { seq }] of units.entries())
    assert.ok(seq > (units[at - 1]?.seq ?? from), `${seq} comes after ${units[at - 1]?.seq ?? from}`)
  const texts = new Map(units.map(({ seq, text }) => [seq, text]))
  for (const { seq, text } of acknowledged)
    if (seq > from && seq <= through) assert.equal(texts.get(seq), text, `at ${seq}, read from ${from} on`)
}

/** Reads as far as a record; answers false where some of it are gone. */
async function readOn(
  wal: Wal,
  cursor: Cursor,
  through: number,
  tell: (unit: Unit) => unknown,
): Promise<boolean> {
  const end = new AbortController()
  // What does not take effect is not told: the end of it is not, either.
  const reader = wal.tail({ cursor, signal: end.signal })
  const after = cursor.position
  try {
    const last = await lastUnit(wal, after, through)
    for (let reached = after; reached < last; ) {
      const { value, done } = await reader.next()
      if (done) break
      reached = value.seq
      if (reached <= through) tell({ seq: value.seq, text: textOf(value) })
    }
    return true
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'WALV_SEQUENCE_TRIMMED') throw error
    await assert.rejects(wal.tail({ cursor }).next(), /The cursor consumer needs record/)
    return false
  } finally {
    end.abort()
    await reader.return()
  }
}

/** Where the last unit up to a record takes effect, of those that began behind `after`. */
async function lastUnit(wal: Wal, after: number, through: number): Promise<number> {
  let last = after
  const from = Math.max(wal.stats().firstSeq, after + 1)
  for await (const { seq } of wal.replay({ from, after })) if (seq <= through) last = Math.max(last, seq)
  return last
}

class Consuming {
  readonly #disk: SimulatedDisk
  readonly #tell: (facts: Facts) => void
  readonly #shape: Shape
  #facts = NOTHING
  #writerProcess!: Process
  #consumerProcess!: Process
  #writer!: Wal
  #reader!: Wal
  #cursor!: Cursor
  #random!: Random
  #number = 0
  /** One that goes on over several steps. */
  #open: { readonly begin: ReturnType<Wal['begin']>; text: string[] } | undefined

  constructor(disk: SimulatedDisk, witness: (facts: Facts) => void, shape: Shape) {
    this.#disk = disk
    this.#tell = witness
    this.#shape = shape
  }

  begin(): Promise<void> {
    this.#random = new Random(1)
    return this.#flow('beginning', async () => {
      await this.#openWriter()
      await this.#append()
      await this.#openReader()
    })
  }

  step(random: Random): Promise<void> {
    this.#random = random
    return this.#flow('a step of a consumer and its writer', () => this.#do(random))
  }

  end(): Promise<void> {
    return this.#flow('the end', async () => {
      await this.#consume(this.#writer.lastSeq)
      await this.#reader.close()
      await this.#writer.close()
    })
  }

  #flow(what: string, work: () => Promise<void>): Promise<void> {
    return flow(MAX_STEP_MS, what, work(), () => {})
  }

  async #do(random: Random): Promise<void> {
    const chance = random.below(100)
    if (chance < 20) await this.#several()
    else if (chance < 30) await this.#transaction()
    else if (chance < 55) await Promise.all([this.#several(), this.#checkpoint()])
    else if (chance < 75) await this.#consume(this.#writer.lastSeq)
    else if (chance < 83) await this.#reopenReader()
    else if (chance < 92) await this.#killReader()
    else await this.#killWriter()
  }

  #note(change: Partial<Facts>): void {
    this.#facts = { ...this.#facts, ...change }
    this.#tell(this.#facts)
  }

  async #openWriter(): Promise<void> {
    this.#writerProcess = new Process(this.#disk)
    this.#writer = await openLog(this.#writerProcess, this.#shape)
    this.#open = undefined
    if (!this.#shape.follows) this.#reader = this.#writer
  }

  /** Where its cursor stands is never before what was committed. */
  async #openReader(): Promise<void> {
    if (this.#shape.follows) {
      this.#consumerProcess = new Process(this.#disk)
      this.#reader = await openLog(this.#consumerProcess, this.#shape, true)
    } else this.#consumerProcess = this.#writerProcess
    const { maxHeldBytes } = this.#shape
    this.#cursor = await this.#reader.cursor(NAME, { from: 'begin', maxHeldBytes })
    const { position } = this.#cursor
    if (this.#facts.begin === undefined)
      this.#note({ begin: position, committed: position, attempted: position, told: [] })
    assert.ok(position >= this.#facts.committed && position <= this.#facts.attempted)
    needTold(this.#facts, position)
    this.#note({ committed: position })
  }

  /** Reads on from the committed position, and commits now and then. */
  async #consume(through: number): Promise<void> {
    const from = this.#cursor.position
    const { acknowledged } = this.#facts
    const units: Unit[] = []
    const commits: Promise<unknown>[] = []
    const target = this.#random.chance(0.3) ? from + this.#random.below(20) : through
    const isWhole = await readOn(this.#reader, this.#cursor, Math.min(target, through), (unit) => {
      units.push(unit)
      this.#note({ told: [...this.#facts.told, unit] })
      if (this.#random.chance(0.3)) commits.push(this.#commit(this.#random.pick(units).seq))
    })
    await Promise.all(commits)
    if (!isWhole) return this.#beginAnew()
    const last = units.at(-1)?.seq ?? from
    needOrder({ ...this.#facts, acknowledged }, units, from, last)
  }

  async #commit(seq: number): Promise<void> {
    this.#note({ attempted: Math.max(this.#facts.attempted, seq) })
    await this.#cursor.commit(seq)
    assert.ok(this.#cursor.position >= seq)
    this.#note({ committed: Math.max(this.#facts.committed, seq) })
  }

  async #beginAnew(): Promise<void> {
    assert.ok(this.#shape.maxHeldBytes < UNLIMITED, 'it may hold all, and some are gone')
    await this.#cursor.close()
    this.#note({ begin: undefined })
    await this.#reader.dropCursor(NAME)
    if (this.#shape.follows) await this.#reader.close()
    await this.#openReader()
  }

  async #reopenReader(): Promise<void> {
    await this.#cursor.close()
    if (this.#shape.follows) await this.#reader.close()
    await this.#openReader()
  }

  async #killReader(): Promise<void> {
    if (!this.#shape.follows) return this.#killWriter()
    this.#consumerProcess.killAfter(this.#random.below(this.#random.pick([5, 20, 60])))
    const work = Promise.all([this.#several(), this.#consume(this.#writer.lastSeq)])
    await Promise.race([work, this.#consumerProcess.death])
    await this.#consumerProcess.kill()
    await this.#openReader()
  }

  async #killWriter(): Promise<void> {
    this.#writerProcess.killAfter(this.#random.below(this.#random.pick([5, 20, 60])))
    const consuming = this.#shape.follows ? [] : [this.#consume(this.#writer.lastSeq)]
    const work = Promise.all([this.#several(), this.#checkpoint(), ...consuming])
    await Promise.race([work, this.#writerProcess.death])
    await this.#writerProcess.kill()
    await this.#openWriter()
    if (!this.#shape.follows) await this.#openReader()
  }

  async #checkpoint(): Promise<void> {
    const wal = this.#writer
    const seq = wal.lastSeq
    await wal.flush()
    if (seq <= (wal.lastCheckpoint?.sequenceNumber ?? -1) || seq < wal.recovery.lastSeq) return
    await wal.checkpoint({ seq, snapshot: async () => null })
  }

  async #several(): Promise<void> {
    await Promise.all(Array.from({ length: 1 + this.#random.below(8) }, () => this.#append()))
  }

  async #append(): Promise<void> {
    const text = `a${this.#number++}`
    const bytes = this.#random.pick([10, 3_000, 60_000])
    this.#acknowledge(await this.#writer.append(entryOf(text, bytes)), text)
  }

  #acknowledge(seq: number, text: string): void {
    this.#note({ acknowledged: [...this.#facts.acknowledged, { seq, text }] })
  }

  /** Begins one, or goes on with the one that is open, or ends it. */
  async #transaction(): Promise<void> {
    this.#open ??= { begin: this.#writer.begin(), text: [] }
    const { begin, text } = this.#open
    const id = `t${this.#number++}`
    begin.append(entryOf(id, this.#random.pick([10, 9_000])))
    text.push(id)
    await this.#several()
    if (this.#random.chance(0.5)) return
    this.#open = undefined
    if (this.#random.chance(0.3)) await begin.abort()
    else this.#acknowledge(await begin.commit(), text.join())
  }
}

const entryOf = (id: string, bytes: number) =>
  ({ type: 'insert', id, vector: [1], metadata: 'x'.repeat(bytes) }) as const
