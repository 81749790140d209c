/**
 * Work on a log under a load that does not let up, while time passes: callers that append in a
 * loop, and beside them flushes, checkpoints at any legal number, snapshots that fail,
 * transactions, readers, closing and death. Whatever is asked for is answered within a bounded
 * time, and what was acknowledged is synced within the time that its level states.
 */
import assert from 'node:assert/strict'
import type { Durability } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { anyEntry } from './log-entries.ts'
import { LogLife } from './log-life.ts'
import { type LogFacts, LogModel } from './log-model.ts'
import type { LogSettings } from './log-session.ts'
import { recoverLog } from './log-workload.ts'
import { Trouble, type TroubleKind } from './trouble.ts'
import { flow, passTime, timeNow, turn } from './virtual-time.ts'
import { seedOf, type Work, type Workload } from './workload.ts'

/** Longer than a log that is idle waits before it writes that all of it is durable. */
const IDLE_MS = 150
const MAX_TRANSACTIONS = 3
/** Of a burst, once its callers have stopped. */
const MAX_SETTLING_MS = 5_000

export function sustainedWorkload(name: string, trouble: TroubleKind): Workload {
  return { name, steps: 3, everySeeds: 1, create: (seed) => sustainedWork(seed, new Trouble(trouble)) }
}

/** All that can be chosen is drawn anew for each seed, as Pebble's metamorphic tests do. */
function sustainedWork(seed: number, trouble: Trouble): Work<LogFacts> {
  const random = new Random(seed)
  const durability: Durability = random.pick(['commit', { intervalMs: 10 }, { intervalMs: 30 }, 'os'])
  const maxLatencyTurns = random.pick([0, 0, 1])
  const settings: LogSettings = {
    durability,
    checkpointRetention: random.pick([1, 2, 3]),
    segmentMaxAgeMs: random.pick([30, 1_000_000]),
    segmentMaxBytes: random.pick([64 * 1024, 512 * 1024]),
    maxPendingBytes: random.pick([16 * 1024, 64 * 1024 * 1024]),
    clock: timeNow,
  }
  return {
    disk: { maxLatencyTurns },
    statesPerCut: 2,
    onOperation: trouble.onOperation,
    async run(disk, witness, steps) {
      const life = new LogLife(disk, new LogModel(witness, settings.checkpointRetention), settings, trouble)
      await life.open()
      for (const step of steps) await new Burst(life, new Random(seedOf(seed, step)), step * 10_000).run()
    },
    verify: (disk, facts, witness) => {
      const model = new LogModel(witness, settings.checkpointRetention, facts)
      return recoverLog(disk, settings, model, trouble.hasFaults)
    },
  }
}

/** A time of load, and how it ends. */
class Burst {
  readonly #life: LogLife
  readonly #random: Random
  readonly #disk: SimulatedDisk
  readonly #openedAt: number
  readonly #endsAt: number
  /** Tells entries from all others. */
  #number: number
  #isOver = false
  /** What is acknowledged and not synced: through which number, and since when. */
  #unsynced: { readonly seq: number; readonly at: number }[] = []

  constructor(life: LogLife, random: Random, number: number) {
    this.#life = life
    this.#random = random
    this.#disk = life.disk
    this.#number = number
    this.#openedAt = life.wal.lastSeq
    this.#endsAt = timeNow() + random.pick([50, 150])
  }

  async run(): Promise<void> {
    const { trouble, expected } = this.#life
    trouble.draw(this.#random, this.#disk)
    expected.clear()
    if ((this.#life.settings.maxPendingBytes ?? 0) < 1024 * 1024) expected.add('WALV_BACKPRESSURE')
    const ending = this.#random.pick(['rest', 'rest', 'close', 'die'] as const)
    const work: Promise<unknown>[] = this.#actors().map((actor) => actor(new Random(this.#random.next())))
    if (ending === 'close') work.push(this.#closeMeanwhile())
    if (ending === 'die') work.push(this.#dieMeanwhile())
    const all =
      ending === 'die' ? Promise.race([Promise.all(work), this.#life.process.death]) : Promise.all(work)
    const maxMs = this.#endsAt - timeNow() + MAX_SETTLING_MS
    await flow(maxMs, 'what was asked for under load', all, () => this.#look())
    this.#isOver = true
    if (ending === 'die') await this.#life.die()
    else if (ending === 'close') await this.#life.open()
    else await this.#rest()
    await this.#life.checkAfterTrouble()
  }

  #actors(): ((random: Random) => Promise<void>)[] {
    const callers = 1 + this.#random.below(3)
    return [
      ...Array.from({ length: callers }, () => (random: Random) => this.#append(random)),
      (random) => this.#flush(random),
      (random) => this.#checkpoint(random),
      (random) => this.#transact(random),
      (random) => this.#read(random),
    ]
  }

  get #isRunning(): boolean {
    return !this.#isOver && timeNow() < this.#endsAt && !this.#life.wal.stats().poisoned
  }

  /**
   * The most that one thing takes that is to be done at once, behind what is under way: a rotation
   * included.
   */
  get #boundMs(): number {
    return 20 + 24 * this.#disk.maxLatencyTurns
  }

  /** Every millisecond: how old is what is acknowledged and not synced? */
  #look(): void {
    if (this.#isOver) return
    const { wal, model, settings, trouble } = this.#life
    const { acknowledged } = model.facts
    if (acknowledged > (this.#unsynced.at(-1)?.seq ?? wal.durableSeq)) {
      this.#unsynced.push({ seq: acknowledged, at: timeNow() })
    }
    model.vouch(wal.durableSeq)
    this.#unsynced = this.#unsynced.filter(({ seq }) => seq > wal.durableSeq)
    const oldest = this.#unsynced[0]
    if (typeof settings.durability !== 'object' || oldest === undefined || trouble.mayFail) return
    const age = timeNow() - oldest.at
    assert.ok(age <= settings.durability.intervalMs + this.#boundMs, `a record is not synced after ${age} ms`)
  }

  async #append(random: Random): Promise<void> {
    const thinking = random.pick([0, 0.3])
    while (this.#isRunning) {
      await this.#life.session.append(anyEntry(random, ++this.#number))
      if (random.chance(thinking)) await this.#pause(random, 12)
      // What is refused at once would be asked for again within the same turn, for ever.
      else if (this.#life.trouble.mayFail || this.#life.expected.size > 0) await turn()
    }
  }

  async #flush(random: Random): Promise<void> {
    while (this.#isRunning) {
      await this.#pause(random, 60)
      await this.#soon('a flush', () => this.#life.session.flush())
    }
  }

  async #checkpoint(random: Random): Promise<void> {
    while (this.#isRunning) {
      await this.#pause(random, 40)
      if (!this.#isRunning) return
      const { wal, model, session } = this.#life
      const from = Math.max((wal.lastCheckpoint?.sequenceNumber ?? -1) + 1, this.#openedAt, 0)
      const through = model.facts.acknowledged
      if (from > through) continue
      const seq = from + random.below(through - from + 1)
      const fails = random.chance(0.3)
      await this.#soon(
        'a checkpoint',
        () => (fails ? session.failCheckpoint(seq) : session.checkpoint(seq)),
        6,
      )
    }
  }

  async #transact(random: Random): Promise<void> {
    while (this.#isRunning) {
      await this.#pause(random, 20)
      if (!this.#isRunning) return
      const { session } = this.#life
      const transaction = session.transactions.at(-1)
      if (session.transactions.length < MAX_TRANSACTIONS && random.chance(0.4)) await session.begin()
      else if (transaction?.state === 'open' && random.chance(0.7)) {
        await session.addTo(transaction, anyEntry(random, ++this.#number))
      } else if (transaction !== undefined) {
        const ways =
          transaction.state === 'open'
            ? (['commit', 'abort', 'prepare'] as const)
            : (['commit', 'abort'] as const)
        await this.#soon('the end of a transaction', () => session.end(transaction, random.pick(ways)))
      }
    }
  }

  async #read(random: Random): Promise<void> {
    while (this.#isRunning) {
      await this.#pause(random, 100)
      if (!this.#isRunning) return
      const { wal, session } = this.#life
      this.#life.expected.add('WALV_SEQUENCE_TRIMMED')
      await session.bear(async () => {
        let last: number | undefined
        for await (const { seq } of wal.read()) {
          assert.ok(last === undefined || seq === last + 1, `record ${seq} is read behind ${last}`)
          last = seq
        }
      })
    }
  }

  /**
   * What needs nothing but the disk is done within a bound, whatever else is asked for meanwhile.
   */
  async #soon(what: string, work: () => Promise<unknown>, times = 1): Promise<void> {
    const startedAt = timeNow()
    await work()
    const tookMs = timeNow() - startedAt
    assert.ok(tookMs <= times * this.#boundMs, `${what} took ${tookMs} ms`)
  }

  async #closeMeanwhile(): Promise<void> {
    await this.#until(this.#endsAt - 20)
    this.#life.expected.add('WALV_CLOSED')
    this.#life.expected.add('WALV_TRANSACTION_ENDED')
    const { session, wal } = this.#life
    this.#isOver = true
    await this.#soon('closing', () => session.bear(() => wal.close()), 6)
  }

  async #dieMeanwhile(): Promise<void> {
    const { process } = this.#life
    await this.#until(this.#endsAt - 20)
    process.killAfter(this.#random.below(20))
    await this.#until(this.#endsAt + 40)
    await process.kill()
  }

  /**
   * Idle, a log has all that it acknowledged on the disk; at the level `os` that is the system's
   * affair.
   */
  async #rest(): Promise<void> {
    const { wal, model, settings, trouble } = this.#life
    await passTime(IDLE_MS)
    if (settings.durability === 'os' || trouble.mayFail) return
    assert.ok(wal.durableSeq >= model.facts.acknowledged, 'an idle log has not synced what it acknowledged')
  }

  async #until(time: number): Promise<void> {
    while (timeNow() < time) await turn()
  }

  async #pause(random: Random, maxTurns: number): Promise<void> {
    for (let turns = random.below(maxTurns); turns > 0; turns--) await turn()
  }
}
