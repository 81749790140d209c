/**
 * Work on a raw log: everything that can be asked of it, in any order, while processes die, disks
 * fail or fill.
 */
import assert from 'node:assert/strict'
import type { Damage, RecoveryReport } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { anyBatch, anyEntry, fillers, largeEntry } from './log-entries.ts'
import { LogLife } from './log-life.ts'
import { type LogFacts, LogModel } from './log-model.ts'
import { LogSession, type LogSettings, look, lookAsReader, openLog, settingsOf } from './log-session.ts'
import { Process } from './process.ts'
import { Trouble, type TroubleKind } from './trouble.ts'
import { passTime } from './virtual-time.ts'
import { seedOf, type Work, type Workload } from './workload.ts'

const MAX_TRANSACTIONS = 3
const MAX_STEPS = 1_000
/** How long a log is idle before it promises what it holds; see docs/format.md. */
const IDLE_MS = 100

export function logWorkload(
  name: string,
  steps: number,
  trouble: TroubleKind,
  given: Partial<LogSettings> = {},
): Workload {
  // Large records take their time.
  const everySeeds = given.segmentMaxBytes === STREAMS.segmentMaxBytes ? 10 : 1
  return { name, steps, everySeeds, create: (seed) => logWork(seed, new Trouble(trouble), given) }
}

/**
 * Groups so large that the next is written while one is synced, in segments with room for several.
 */
export const STREAMS: Partial<LogSettings> = { segmentMaxBytes: 4 * 1024 * 1024, segmentMaxAgeMs: 1_000_000 }

const streams = ({ segmentMaxBytes }: LogSettings): boolean => segmentMaxBytes === STREAMS.segmentMaxBytes

export function logWork(seed: number, trouble: Trouble, given: Partial<LogSettings> = {}): Work<LogFacts> {
  const settings = settingsOf(seed, given)
  return {
    disk: { maxLatencyTurns: seed % 3 === 0 || streams(settings) ? 2 : 0 },
    // A look at one takes as long as at five of an ordinary log.
    ...(streams(settings) && { statesPerCut: 5 }),
    onOperation: trouble.onOperation,
    async run(disk, witness, steps) {
      const model = new LogModel(witness, settings.checkpointRetention)
      const work = new LogWork(disk, model, settings, trouble)
      await work.open()
      for (const step of steps) await work.step(new Random(seedOf(seed, step)), step)
    },
    verify: (disk, facts, witness) => {
      const model = new LogModel(witness, settings.checkpointRetention, facts)
      return recoverLog(disk, settings, model, trouble.hasFaults)
    },
  }
}

/**
 * Opens what was left, as any process would, and goes on with it; and again: a second recovery must
 * change nothing.
 */
export async function recoverLog(
  disk: SimulatedDisk,
  settings: LogSettings,
  model: LogModel,
  hadFaults: boolean,
): Promise<void> {
  const through = model.facts.durable
  if (disk.quotaBytes !== Number.POSITIVE_INFINITY) {
    // A full disk is no obstacle to reading; for more, there must be space again.
    model.check(await lookAsReader(await openLog(disk, settings, { readOnly: true })), through)
    disk.quotaBytes = Number.POSITIVE_INFINITY
  }
  const session = new LogSession(await openLog(disk, settings), model, settings)
  const { wal } = session
  assert.deepEqual(harmIn(wal, hadFaults), [], 'without rot, a torn tail is all that can be damaged')
  const found = await look(wal)
  model.check(found, through)
  model.settle(found, wal.durableSeq)
  const [inDoubt] = session.transactions
  if (inDoubt) await session.end(inDoubt, wal.lastSeq % 2 === 0 ? 'commit' : 'abort')
  await Promise.all(
    [1, 2].map((number) => session.append({ type: 'delete', id: `after-${wal.lastSeq}-${number}` })),
  )
  await wal.close()
  const again = await openLog(disk, settings, { readOnly: true })
  const harm = hadFaults ? harmIn(again, hadFaults) : again.recovery.damage
  assert.deepEqual(harm, [], 'a log that was recovered and closed is damaged')
  model.check(await lookAsReader(again), wal.lastSeq)
}

/** A file that was let go and is back, as its directory was not synced, stands before a hole. */
export const harmIn = ({ recovery }: { readonly recovery: RecoveryReport }, hadFaults: boolean): Damage[] =>
  recovery.damage.filter(
    ({ kind, acknowledged }) =>
      kind !== 'torn-tail' && !(hadFaults && kind === 'missing-segment' && acknowledged === false),
  )

export class LogWork {
  readonly #life: LogLife
  readonly #model: LogModel
  readonly #settings: LogSettings
  readonly #trouble: Trouble

  constructor(disk: SimulatedDisk, model: LogModel, settings: LogSettings, trouble: Trouble) {
    this.#life = new LogLife(disk, model, settings, trouble)
    this.#model = model
    this.#settings = settings
    this.#trouble = trouble
  }

  get #session(): LogSession {
    return this.#life.session
  }

  open(): Promise<void> {
    return this.#life.open()
  }

  close(): Promise<void> {
    return this.#session.wal.close()
  }

  async step(random: Random, step: number): Promise<void> {
    this.#trouble.draw(random, this.#life.disk)
    if (random.chance(0.2)) await passTime(random.pick([30, IDLE_MS]))
    await this.#do(random, step * 100)
    await this.#life.checkAfterTrouble()
  }

  async #do(random: Random, number: number): Promise<void> {
    const chance = random.below(100)
    // Segments are filled, or grow old; where they are filled, the last one is too large to be
    // carried over at opening.
    const fills = this.#settings.segmentMaxAgeMs > MAX_STEPS ? 22 : 2
    if (chance < fills) await this.#fill(random, number)
    else if (chance < 32) await this.#session.append(anyEntry(random, number))
    else if (chance < 42) await this.#several(random, number)
    else if (chance < 52) await this.#begin(random, number)
    else if (chance < 60) await this.#add(random, number)
    else if (chance < 68) await this.#end(random)
    else if (chance < 80) await this.#checkpoint(random, number)
    else if (chance < 86) await this.#life.reopen()
    else if (chance < 92) await this.#die(random, number)
    else if (chance < 96) await this.#session.flush()
    else await this.#readBeside(random, number)
  }

  #all(entries: readonly Parameters<LogSession['append']>[0][]): Promise<unknown> {
    return Promise.all(entries.map((entry) => this.#session.append(entry)))
  }

  #fill(random: Random, number: number): Promise<unknown> {
    return streams(this.#settings) ? this.#stream(random, number) : this.#all(fillers(random, number))
  }

  /** Several callers, each of which goes on when its last append was answered. */
  #stream(random: Random, number: number): Promise<unknown> {
    const callers = random.pick([3, 6, 9])
    const bytes = random.pick([40_000, 100_000])
    return Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        for (let times = 0; times < 3; times++)
          await this.#session.append(largeEntry(bytes + caller, number + caller * 3 + times))
      }),
    )
  }

  #several(random: Random, number: number): Promise<unknown> {
    return this.#all(
      Array.from({ length: 2 + random.below(6) }, (_, place) => anyEntry(random, number + place)),
    )
  }

  async #begin(random: Random, number: number): Promise<void> {
    if (this.#session.transactions.length < MAX_TRANSACTIONS) await this.#session.begin()
    await this.#add(random, number)
  }

  /** Records of transactions wait for a commit, or for whatever else is synced. */
  async #add(random: Random, number: number): Promise<void> {
    const open = this.#session.transactions.filter(({ state }) => state === 'open')
    for (let place = 0; open.length > 0 && place < 1 + random.below(3); place++)
      await this.#session.addTo(random.pick(open), anyEntry(random, number + place))
  }

  async #end(random: Random): Promise<void> {
    const { transactions } = this.#session
    if (transactions.length === 0) return
    const transaction = random.pick(transactions)
    const ways =
      transaction.state === 'open'
        ? (['commit', 'commit', 'abort', 'prepare'] as const)
        : (['commit', 'abort'] as const)
    await this.#session.end(transaction, random.pick(ways))
  }

  async #checkpoint(random: Random, number: number): Promise<void> {
    const beside = random.chance(0.3) ? this.#several(random, number) : undefined
    await Promise.all([this.#session.checkpoint(), beside])
    // A new segment behind it: what the next checkpoint lets go of then ends just there.
    if (random.chance(0.5)) await passTime(IDLE_MS)
  }

  /** The process dies at whatever it is doing. Everything acknowledged is found again. */
  async #die(random: Random, number: number): Promise<void> {
    this.#life.process.killAfter(random.below(random.pick([4, 15, 60])))
    const work: Promise<unknown>[] = [this.#several(random, number)]
    if (random.chance(0.3)) work.push(this.#end(random))
    if (random.chance(0.3)) work.push(this.#session.checkpoint())
    if (random.chance(0.3)) work.push(this.#fill(random, number + 50))
    await Promise.race([Promise.all(work), this.#life.process.death])
    if (random.chance(0.3))
      await Promise.race([this.#session.bear(() => this.#session.wal.close()), this.#life.process.death])
    await this.#life.die()
  }

  /** A reader sees what is acknowledged, and writes nothing. */
  async #readBeside(random: Random, number: number): Promise<void> {
    const through = this.#model.facts.acknowledged
    const reader = new Process(this.#life.disk)
    const beside = this.#trouble.mayFail
      ? undefined
      : this.#all([anyBatch(random, number), anyEntry(random, number + 1)])
    await this.#session.bear(async () => {
      const wal = await openLog(reader, this.#settings, { readOnly: true })
      this.#model.check(await lookAsReader(wal), through)
      await wal.close()
    })
    assert.equal(reader.changes, 0, 'a reader wrote')
    await beside
  }
}
