/**
 * Three processes that share an index on one disk: each changes ids of its own and fights for
 * common ones, while they die, alone or together, are stopped, close, open again and take
 * checkpoints. What must hold of it stands in `shared-facts.ts`.
 */
import assert from 'node:assert/strict'
import type { DurableIndex, DurableIndexOptions, WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { Process } from './process.ts'
import { type Answer, type Call, type Facts, type Kind, needExplained } from './shared-facts.ts'
import { delay, type Keeping, needSame, openIndex, presentIn } from './shared-opening.ts'
import { flow } from './virtual-time.ts'
import { seedOf, type Work, type Workload } from './workload.ts'

const PROCESSES = 3
const MAX_STEP_MS = 30_000
const PLAIN: readonly Kind[] = ['insert', 'upsert', 'update', 'delete']
const IMPOSSIBLE = new Set(['WALV_DUPLICATE_ID', 'WALV_NOT_FOUND'])

interface Kinds {
  /** Now and then a sync of who leads fails, and with it all that this one could write. */
  readonly fails?: boolean
  /** There are changes that expect numbers, and such as have keys. */
  readonly conditions?: boolean
}

export const sharedIndexWorkload = (name: string, kinds: Kinds = {}): Workload => ({
  name,
  steps: 9,
  everySeeds: 1,
  create: (seed) => sharedIndexWork(seed, kinds),
})

/** A sync that is to fail. */
interface Fault {
  isDue: boolean
}

function sharedIndexWork(seed: number, kinds: Kinds): Work<Facts | undefined> {
  const fault = { isDue: false }
  const keeping = { checkpointRetention: new Random(seed).chance(0.6) ? 1_000 : 1 }
  return {
    disk: { maxLatencyTurns: seed % 3 },
    statesPerCut: 2,
    onOperation({ kind, path }) {
      if (!fault.isDue || kind !== 'sync' || !path.includes('segment-')) return undefined
      fault.isDue = false
      return { code: 'EIO' }
    },
    async run(disk, witness, steps) {
      const work = new Sharers(disk, witness, keeping, kinds, fault)
      for (const step of steps) await work.step(new Random(seedOf(seed, step)), step)
      await work.end()
    },
    verify: (disk, facts) => flow(MAX_STEP_MS, 'going on', afterCut(disk, facts, keeping), () => {}),
  }
}

/** Two go on at once with what is left, and one of them leads. */
async function afterCut(disk: SimulatedDisk, facts: Facts | undefined, keeping: Keeping): Promise<void> {
  const processes = [new Process(disk), new Process(disk)]
  const indexes = await Promise.all(processes.map((process) => openIndex(process, keeping, 'auto')))
  await Promise.all(indexes.map((index, number) => index.upsert(`after-${number}`, [number, 1], {})))
  await needSame(indexes)
  await needExplained(disk, facts, presentIn(indexes[1]!), keeping.checkpointRetention === 1)
  await Promise.all(indexes.map((index) => index.close()))
}

const swap = (
  index: DurableIndex,
  { ids: [id], ifSeq }: Call,
  vector: number[],
  metadata: { value: number; text: string },
): Promise<void> => index.upsert(id!, vector, metadata, ifSeq === undefined ? { ifAbsent: true } : { ifSeq })

/** One of the processes, from its opening to its end. */
interface Life {
  readonly number: number
  readonly process: Process
  index: DurableIndex | undefined
  shown: string | undefined
  isClosing: boolean
}

class Sharers {
  readonly #disk: SimulatedDisk
  readonly #witness: (facts: Facts) => void
  readonly #keeping: Keeping
  readonly #fault: Fault | undefined
  readonly #hasConditions: boolean
  #facts: Facts | undefined
  #lives: Life[] = []
  #count = 0
  #value = 0
  #random!: Random
  /** The last change that was asked for under a key. */
  #asked: Call | undefined
  readonly #answered = new Set<Call>()
  /** Segments are to be filled. */
  #isLarge = false

  constructor(
    disk: SimulatedDisk,
    witness: (facts: Facts) => void,
    keeping: Keeping,
    { fails = false, conditions = false }: Kinds,
    fault: Fault,
  ) {
    this.#fault = fails ? fault : undefined
    this.#hasConditions = conditions
    this.#disk = disk
    this.#witness = witness
    this.#keeping = keeping
  }

  async step(random: Random, step: number): Promise<void> {
    this.#random = random
    this.#value = step * 1_000
    this.#count = step * 100
    await this.#flow('a step of processes that share an index', async () => {
      await this.#openMissing()
      await this.#do(random)
    })
  }

  async end(): Promise<void> {
    await this.#flow('the end', async () => {
      await this.#openMissing()
      await needSame(this.#indexes)
      const present = presentIn(this.#random.pick(this.#indexes))
      await needExplained(this.#disk, this.#facts, present, this.#keeping.checkpointRetention === 1)
      await Promise.all(this.#lives.map((life) => this.#close(life)))
    })
  }

  #flow(what: string, work: () => Promise<void>): Promise<void> {
    return flow(MAX_STEP_MS, what, work(), () => this.#look())
  }

  get #indexes(): DurableIndex[] {
    return this.#lives.flatMap(({ index }) => index ?? [])
  }

  /** Whatever one shows at any moment is noted. */
  #look(): void {
    for (const life of this.#lives) {
      if (life.process.isDead || life.index === undefined) continue
      const fingerprint = life.index.fingerprint()
      if (fingerprint === life.shown) continue
      life.shown = fingerprint
      this.#note({ event: 'shown', life: life.number, fingerprint })
    }
  }

  #note(newest: Facts['newest']): void {
    this.#facts = { newest, before: this.#facts }
    this.#witness(this.#facts)
  }

  async #do(random: Random): Promise<void> {
    if (this.#fault && random.chance(0.3)) return this.#fail(this.#fault)
    const chance = random.below(100)
    if (chance < 25) await this.#all()
    else if (chance < 37) await Promise.all([this.#all(), this.#checkpoint(this.#any()), this.#all()])
    else if (chance < 43) await needSame(this.#indexes)
    else if (chance < 53) await this.#leave(this.#any())
    else if (chance < 73) await this.#die([this.#anyWithLeader()])
    else if (chance < 80) await this.#die(this.#lives)
    else if (chance < 92) await this.#stop(this.#anyWithLeader())
    else await this.#prefer()
  }

  #any(): Life {
    return this.#random.pick(this.#lives)
  }

  #anyWithLeader(): Life {
    const leader = this.#lives.find(({ index }) => index?.role === 'leader')
    return leader && this.#random.chance(0.6) ? leader : this.#any()
  }

  async #openMissing(): Promise<void> {
    const missing = PROCESSES - this.#lives.length
    await Promise.all(Array.from({ length: missing }, () => this.#open('auto')))
  }

  async #open(role: NonNullable<DurableIndexOptions['role']>): Promise<void> {
    const process = new Process(this.#disk)
    const life: Life = {
      ...{ number: ++this.#count, process },
      ...{ index: undefined, shown: undefined, isClosing: false },
    }
    this.#lives.push(life)
    const opened = openIndex(process, this.#keeping, role).then((index) => {
      life.index = index
    })
    await Promise.race([opened, process.death])
  }

  async #close(life: Life): Promise<void> {
    life.isClosing = true
    await life.index!.close()
    // The process goes on: nothing of what it had open may be in anybody's way.
    this.#lives = this.#lives.filter((each) => each !== life)
  }

  async #checkpoint({ index, process }: Life): Promise<void> {
    await Promise.race([index!.checkpoint(), process.death])
  }

  /** One closes while all are at work. */
  async #leave(life: Life): Promise<void> {
    const checkpoint = this.#random.chance(0.3) ? this.#checkpoint(this.#any()) : undefined
    const work = [this.#all(), checkpoint]
    await delay(this.#random.below(20))
    await Promise.all([this.#close(life), ...work])
    if (this.#random.chance(0.5)) await this.#all()
  }

  /** Who leads cannot write any more; the others go on. */
  async #fail(fault: Fault): Promise<void> {
    fault.isDue = true
    await Promise.all([this.#all(), this.#all()])
    fault.isDue = false
    const broken = this.#lives.filter((life) => this.#isBroken(life))
    for (const life of broken) {
      life.isClosing = true
      await life.index!.close().catch(() => {})
    }
    this.#lives = this.#lives.filter((life) => !broken.includes(life))
    await this.#all()
  }

  #isBroken({ index }: Life): boolean {
    return index?.stats().poisoned ?? false
  }

  /** The others go on, before the dead are succeeded and while they are. */
  async #die(dying: readonly Life[]): Promise<void> {
    for (const { process } of dying) process.killAfter(this.#random.below(this.#random.pick([4, 15, 60])))
    const checkpoint = this.#random.chance(0.3) ? this.#checkpoint(this.#any()) : undefined
    const work = [this.#all(), this.#all(), checkpoint]
    await Promise.race([Promise.all(dying.map(({ process }) => process.death)), delay(200)])
    await Promise.all(dying.map(({ process }) => process.kill()))
    this.#lives = this.#lives.filter((life) => !dying.includes(life))
    const opening = this.#random.chance(0.5) ? this.#openMissing() : undefined
    await Promise.all([...work, this.#all(), opening])
  }

  /** The others go on, perhaps so far that retention overtakes it. */
  async #stop(stopped: Life): Promise<void> {
    stopped.process.stop()
    this.#isLarge = this.#random.chance(0.6)
    const work = [this.#all(), this.#all()]
    const others = this.#lives.filter((life) => life !== stopped)
    if (this.#random.chance(0.6)) work.push(this.#checkpoint(this.#random.pick(others)))
    await delay(20 + this.#random.below(300))
    work.push(this.#all())
    if (this.#random.chance(0.6)) work.push(this.#checkpoint(this.#random.pick(others)))
    await delay(20 + this.#random.below(300))
    stopped.process.resume()
    await Promise.all(work)
    this.#isLarge = false
  }

  /** One takes the place of another, and is to lead. */
  async #prefer(): Promise<void> {
    await this.#close(this.#any())
    const work = this.#all()
    const checkpoint = this.#random.chance(0.5) ? this.#checkpoint(this.#any()) : undefined
    await Promise.all([this.#open('prefer'), work, checkpoint])
    await this.#all()
  }

  /** Everybody changes something. */
  async #all(): Promise<void> {
    await Promise.all(this.#lives.map((life) => this.#several(life)))
  }

  async #several(life: Life): Promise<void> {
    if (life.index === undefined || life.isClosing) return
    const calls = Array.from({ length: 1 + this.#random.below(4) }, () => this.#call(life))
    await Promise.race([Promise.all(calls), life.process.death])
  }

  async #call(life: Life): Promise<void> {
    if (this.#hasConditions && this.#random.chance(0.15)) return this.#once(life)
    const call = this.#anyCall(life)
    this.#note({ event: 'called', call })
    const isLarge = this.#random.chance(this.#isLarge ? 0.5 : 0.04)
    const length = isLarge ? 20_000 : this.#random.pick([1, 10, 300])
    const text = 'x'.repeat(length)
    const answer = await this.#ask(life, call, { value: call.value, text })
    if (!life.process.isDead) this.#note({ event: 'answered', call, answer })
  }

  /**
   * One change under a key, which others ask for at the same time, or later: whatever becomes of
   * those who asked, it is made once. Nobody is told of a refusal, which another need not share.
   */
  async #once(life: Life): Promise<void> {
    const asked = this.#random.chance(0.5) ? this.#asked : undefined
    const call: Call = asked ?? this.#keyedCall()
    this.#asked = call
    if (asked === undefined) this.#note({ event: 'called', call })
    const others = this.#lives.filter((each) => each !== life && each.index && !each.isClosing)
    const askers = this.#random.chance(0.5) && others.length > 0 ? [life, this.#random.pick(others)] : [life]
    await Promise.race([
      Promise.all(askers.map((asker) => this.#askOnce(asker, call))),
      ...askers.map(({ process }) => process.death),
    ])
  }

  #keyedCall(): Call {
    const value = ++this.#value
    return { kind: 'upsert', ids: [`common-${this.#random.below(3)}`], value }
  }

  async #askOnce(life: Life, call: Call): Promise<void> {
    const [id, value] = [call.ids[0]!, call.value]
    try {
      await life.index!.upsert(id, [value, 1], { value, text: 'once' }, { idempotencyKey: `key-${value}` })
    } catch (error) {
      const refused = error as WalError
      // The key always stands for this change.
      assert.ok(refused.code !== 'WALV_CONFLICT' || refused.detail === undefined, refused.message)
      this.#answerOf(refused, life, call)
      return
    }
    if (life.process.isDead || this.#answered.has(call)) return
    this.#answered.add(call)
    this.#note({ event: 'answered', call, answer: 'done' })
  }

  #anyCall({ number, index }: Life): Call {
    const value = ++this.#value
    const own = (): string => `own-${number}-${this.#random.below(3)}`
    const common = (): string => `common-${this.#random.below(3)}`
    if (this.#random.chance(0.25)) return { kind: 'upsert', ids: [own(), common(), `pair-${value}`], value }
    const kind: Kind = this.#random.pick(this.#hasConditions ? [...PLAIN, 'swap', 'swap'] : PLAIN)
    const id = this.#random.chance(0.4) ? own() : common()
    if (kind !== 'swap') return { kind, ids: [id], value }
    const stored = index!.get(id)
    const expected = (stored?.metadata as { value: number } | undefined)?.value
    return { kind, ids: [id], value, expected, ifSeq: stored?.seq }
  }

  async #ask(life: Life, call: Call, metadata: { value: number; text: string }): Promise<Answer> {
    const index = life.index!
    const { kind, ids, value } = call
    const vector = [value, 1]
    try {
      if (ids.length > 1) await this.#together(index, ids, vector, metadata)
      else if (kind === 'insert') await index.insert(ids[0]!, vector, metadata)
      else if (kind === 'upsert') await index.upsert(ids[0]!, vector, metadata)
      else if (kind === 'update') await index.update(ids[0]!, { metadata })
      else if (kind === 'swap') await swap(index, call, vector, metadata)
      else return (await index.delete(ids[0]!)) ? 'done' : 'impossible'
    } catch (error) {
      return this.#answerOf(error as WalError, life, call)
    }
    const pair = ids.find((id) => id.startsWith('pair'))
    assert.ok(pair === undefined || life.isClosing || index.has(pair), 'what was acknowledged is not there')
    return 'done'
  }

  /** All at once, in one of two ways. */
  async #together(
    index: DurableIndex,
    ids: readonly string[],
    vector: number[],
    metadata: { value: number; text: string },
  ): Promise<void> {
    if (this.#random.chance(0.5))
      return index.batch(ids.map((id) => ({ type: 'upsert', id, vector, metadata })))
    return index.transaction(async (transaction) => {
      for (const id of ids) await transaction.upsert(id, vector, metadata)
    })
  }

  /** With a disk that works nothing is refused but what is impossible, or comes too late. */
  #answerOf(error: WalError, { isClosing }: Life, { kind, ids }: Call): Answer {
    const text = `${kind} of ${ids}: ${error.stack}`
    if (IMPOSSIBLE.has(error.code) && ids.length === 1) return 'impossible'
    if (kind === 'swap' && error.code === 'WALV_CONFLICT' && error.detail) return 'impossible'
    if (error.code === 'WALV_CONFLICT') return 'not-logged'
    if (error.code === 'WALV_CLOSED') {
      assert.ok(isClosing, text)
      return error.fate === 'unknown' ? 'unknown' : 'not-logged'
    }
    if (this.#fault) return error.fate === 'not-logged' ? 'not-logged' : 'unknown'
    const mayPassOver = this.#keeping.checkpointRetention === 1
    assert.ok(error.code === 'WALV_IO' && error.fate === 'unknown' && mayPassOver, text)
    return 'unknown'
  }
}
