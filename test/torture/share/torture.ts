/**
 * Several processes write one directory; the one that leads is killed, over and over. What was
 * acknowledged must be there, once, and every history of an id that they fight for must have an
 * explanation.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DurableIndex, flat, Wal } from '../../../src/mod.ts'
import { Random } from '../../../src/testing/random.ts'
import { isLinearizable, type Operation } from './linearizable.ts'
import type { ShareTask } from './lines.ts'
import { type Call, Sharer } from './sharer.ts'

export interface ShareTortureOptions {
  readonly seed: number
  readonly processes: number
  readonly kills: number
  readonly callers?: number
  readonly checkpointEvery?: number
  readonly pauseMs?: number
  /** Between two kills. */
  readonly calmMs?: number
  /**
   * Another process starts when one is killed, and not only when a change was answered again: what
   * starting it takes then counts.
   */
  readonly restartsAtOnce?: boolean
  readonly onKill?: (count: number) => void
}

export interface ShareFigures {
  readonly kills: number
  readonly acknowledged: number
  readonly histories: number
  /** From a kill to the answer to the first change that was called after it. */
  readonly gapMs: { readonly median: number; readonly p99: number; readonly longest: number }
  readonly durationMs: number
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6
const ID_LIFE_MS = 400
const OWN = new Set(['own', 'pair'])

export async function tortureShared(options: ShareTortureOptions): Promise<ShareFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'walv-share-'))
  const run = new Run(join(directory, 'log'), options)
  try {
    return await run.all()
  } finally {
    await run.killAll()
    await rm(directory, { recursive: true, force: true })
  }
}

class Run {
  readonly #directory: string
  readonly #options: ShareTortureOptions
  readonly #random: Random
  readonly #all: Sharer[] = []
  #living: Sharer[] = []
  readonly #killedAt: number[] = []

  constructor(directory: string, options: ShareTortureOptions) {
    this.#directory = directory
    this.#options = options
    this.#random = new Random(options.seed)
  }

  async all(): Promise<ShareFigures> {
    const startedAt = now()
    const { processes, kills, calmMs = 300, restartsAtOnce = false, onKill } = this.#options
    this.#start(processes)
    await this.#eachLiving((sharer) => sharer.until('opened'))
    const watch = await Witness.start(this.#directory)
    for (let count = 0; count < kills; count++) {
      await delay(calmMs / 2 + this.#random.below(calmMs))
      const killed = await this.#killLeader()
      watch.needWell()
      // Some die before they lead, while others start.
      const isMeasured = this.#random.chance(0.9)
      if (restartsAtOnce || !isMeasured) this.#start(killed)
      if (isMeasured) await this.#untilAnswered(this.#killedAt.at(-1)!)
      else this.#killedAt.pop()
      if (!restartsAtOnce && isMeasured) {
        this.#start(killed)
        await this.#eachLiving((sharer) => sharer.until('opened'))
      }
      onKill?.(count + 1)
    }
    await delay(calmMs)
    await this.#settle()
    await watch.close()
    const present = await this.#contents()
    this.#checkOwn(present)
    const histories = this.#checkHistories(present)
    const gaps = this.#gaps()
    return {
      kills,
      acknowledged: this.#calls().filter(({ answer }) => answer?.succeeded).length,
      histories,
      gapMs: {
        median: gaps[Math.floor(gaps.length / 2)] ?? 0,
        p99: gaps[Math.ceil(gaps.length * 0.99) - 1] ?? 0,
        longest: gaps.at(-1) ?? 0,
      },
      durationMs: now() - startedAt,
    }
  }

  async killAll(): Promise<void> {
    await this.#eachLiving((sharer) => sharer.kill())
  }

  #start(count: number): void {
    for (let started = 0; started < count; started++) this.#startOne()
  }

  #startOne(): void {
    const number = this.#all.length
    const { seed, callers = 4, checkpointEvery, pauseMs } = this.#options
    const task: ShareTask = {
      name: `p${number}`,
      number,
      directory: this.#directory,
      seed: seed + number,
      callers,
      idLifeMs: ID_LIFE_MS,
      ...(checkpointEvery && { checkpointEvery }),
      ...(pauseMs && { pauseMs }),
    }
    const sharer = new Sharer(task)
    this.#all.push(sharer)
    this.#living.push(sharer)
  }

  /** Whoever the lock names. Now and then another one goes with it. Answers how many are gone. */
  async #killLeader(): Promise<number> {
    let leader: Sharer | undefined
    while (leader === undefined) {
      for (const { failed } of this.#living) assert.equal(failed, undefined)
      leader = this.#living.find(({ pid }) => pid === leadingPid(this.#directory))
      if (leader === undefined) await delay(1)
    }
    this.#living = this.#living.filter((each) => each !== leader)
    this.#killedAt.push(now())
    await leader.kill()
    if (this.#living.length <= 2 || !this.#random.chance(0.1)) return 1
    const other = this.#random.pick(this.#living)
    this.#living = this.#living.filter((each) => each !== other)
    await other.kill()
    return 2
  }

  /** Until a change that was called after a moment has been answered. */
  async #untilAnswered(moment: number): Promise<void> {
    const isAnswered = ({ calledAt, answer }: Call): boolean => calledAt > moment && answer !== undefined
    // What it takes is told by the processes: they need the processors now.
    for (const endsAt = now() + 30_000; ; await delay(10)) {
      if (this.#living.some(({ recent }) => recent.some(isAnswered))) return
      assert.ok(now() < endsAt, 'no change was answered for 30 s after a kill')
      for (const { failed } of this.#living) assert.equal(failed, undefined)
    }
  }

  /** All stop, and come to the same state. */
  async #settle(): Promise<void> {
    await this.#eachLiving(async (sharer) => {
      await sharer.until('opened')
      sharer.order('stop')
      await sharer.until('stopped')
    })
    let states: string[] = []
    for (const endsAt = now() + 20_000; now() < endsAt; await delay(20)) {
      states = await this.#eachLiving((sharer) => sharer.state())
      if (new Set(states).size === 1) break
    }
    assert.equal(new Set(states).size, 1, `the processes do not agree: ${states.join(', ')}`)
    await this.#eachLiving(async (sharer) => {
      sharer.order('close')
      await sharer.until('closed')
    })
  }

  #eachLiving<T>(work: (sharer: Sharer) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#living.map(work))
  }

  #calls(): Call[] {
    return this.#all.flatMap(({ calls }) => [...calls.values()])
  }

  async #contents(): Promise<Map<string, number>> {
    const index = await DurableIndex.open({ directory: this.#directory, index: flat({ dimensions: 3 }) })
    const found = new Map<string, number>()
    for (const id of index.ids()) found.set(id, (index.get(id)!.metadata as { readonly value: number }).value)
    await index.close()
    return found
  }

  #checkOwn(present: ReadonlyMap<string, number>): void {
    for (const { kind, id, answer } of this.#calls()) {
      if (kind === 'own' && answer) assert.ok(present.has(id), `${id} was acknowledged and is lost`)
      if (kind !== 'pair') continue
      const [one, two] = [present.has(`${id}.1`), present.has(`${id}.2`)]
      assert.equal(one, two, `half of the transaction ${id} is there`)
      if (answer) assert.ok(one, `the transaction ${id} was acknowledged and is lost`)
    }
  }

  #checkHistories(present: ReadonlyMap<string, number>): number {
    const byId = new Map<string, Operation[]>()
    for (const call of this.#calls()) {
      if (OWN.has(call.kind)) continue
      const operations = byId.get(call.id) ?? []
      byId.set(call.id, operations)
      operations.push({
        kind: call.kind as Operation['kind'],
        value: call.value,
        expected: call.expected,
        succeeded: call.answer?.succeeded,
        calledAt: call.calledAt,
        returnedAt: call.answer?.at ?? Number.POSITIVE_INFINITY,
      })
    }
    for (const [id, operations] of byId) {
      const found: Operation = {
        kind: 'read',
        value: present.get(id),
        succeeded: true,
        calledAt: Number.MAX_SAFE_INTEGER - 1,
        returnedAt: Number.MAX_SAFE_INTEGER,
      }
      assert.ok(
        isLinearizable([...operations, found]),
        `no order explains the history of ${id}: ${JSON.stringify([...operations, found])}`,
      )
    }
    return byId.size
  }

  #gaps(): number[] {
    const calls = this.#calls().filter(({ answer }) => answer !== undefined)
    return this.#killedAt
      .map((killedAt) =>
        calls.reduce(
          (first, { calledAt, answer }) =>
            calledAt > killedAt ? Math.min(first, answer!.at - killedAt) : first,
          Number.POSITIVE_INFINITY,
        ),
      )
      .toSorted((a, b) => a - b)
  }
}

/** The process that the lock names; undefined where nobody holds it. */
function leadingPid(directory: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(directory, 'LOCK'), 'utf8')) as { readonly pid: number }).pid
  } catch {
    return undefined
  }
}

/** Follows the log all the while, and sees that no change stands in it twice. */
class Witness {
  readonly #wal: Wal
  readonly #watching: Promise<void>
  readonly #last = new Map<string, number>()
  #failure: unknown

  private constructor(wal: Wal) {
    this.#wal = wal
    this.#watching = this.#watch().catch((error) => {
      this.#failure = error
    })
  }

  static async start(directory: string): Promise<Witness> {
    return new Witness(await Wal.open({ directory, follow: true }))
  }

  needWell(): void {
    if (this.#failure) throw this.#failure
  }

  async close(): Promise<void> {
    await this.#wal.close()
    await this.#watching
    this.needWell()
  }

  async #watch(): Promise<void> {
    for await (const { seq, origin } of this.#wal.tail({ borrow: true })) {
      if (origin === undefined) continue
      const before = this.#last.get(origin.process) ?? 0
      assert.ok(origin.number > before, `record ${seq} has change ${origin.number} behind ${before}`)
      this.#last.set(origin.process, origin.number)
    }
  }
}
