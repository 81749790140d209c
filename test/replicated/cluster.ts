import assert from 'node:assert/strict'
import { ReplicatedLog } from '../../src/replicated/replicated-log.ts'
import type { SimulatedConnection } from '../../src/testing/engine/simulated-connection.ts'
import { flow } from '../crash/virtual-time.ts'
import {
  DurableIndex,
  type EngineFaults,
  flat,
  Random,
  SimulatedDisk,
  SimulatedEngine,
} from '../support/kit.ts'
import { Oracle } from './oracle.ts'

const TIMING = { resendMs: 80, retryMs: 10, silenceMs: 40, callMs: 150 }
const MAX_MS = 60_000
export const FAULTS: EngineFaults = {
  loseRequest: 0.05,
  loseAnswer: 0.05,
  double: 0.05,
  late: 0.05,
  refuse: 0.03,
  endRead: 0.05,
  misread: 0.05,
  corrupt: 0.02,
}

interface Node {
  readonly index: DurableIndex
  readonly log: ReplicatedLog
  readonly disk: SimulatedDisk
  readonly connection: SimulatedConnection
}

/** Nodes over one engine that fails, what they ask, and what becomes of them. */
export class Cluster {
  readonly engine: SimulatedEngine
  readonly oracle = new Oracle()
  readonly random: Random
  readonly nodes: Node[] = []
  /** What happened, counted. */
  readonly tally = { kills: 0, checkpoints: 0, jumps: 0, settled: 0 }
  #ids = 0

  constructor(seed: number) {
    this.random = new Random(seed)
    this.engine = new SimulatedEngine({ seed: seed + 1, maxLatencyMs: 6, maxFrameBytes: 64 * 1024 })
  }

  /** Virtual time goes on while this is under way. */
  run<T>(what: string, work: Promise<T>): Promise<unknown> {
    return flow(MAX_MS, what, work, () => {})
  }

  async open(disk = new SimulatedDisk(), timeoutMs = 400): Promise<Node> {
    let connection: SimulatedConnection | undefined
    const openEngine = async () => {
      connection = this.engine.connect()
      return connection
    }
    const options = { name: 'simulated', cacheDirectory: '/cache', closeWaitMs: 200 }
    const log = await ReplicatedLog.open({ ...options, openEngine, disk, timeoutMs, timing: TIMING })
    const index = await DurableIndex.open({
      log,
      index: flat({ dimensions: 2 }),
      checkpointIntervalEntries: false,
    })
    return { index, log, disk, connection: connection! }
  }

  async add(disk?: SimulatedDisk): Promise<void> {
    this.nodes.push(await this.open(disk))
  }

  /** One change of a node, at random. */
  change({ index }: Node): Promise<unknown> {
    const { random, oracle } = this
    const id = (): string => `own-${++this.#ids}`
    const vector = (): number[] => [random.below(100), 1]
    const one = id()
    return random.pick([
      () => oracle.ask('present', [one], index.insert(one, vector())),
      () => this.#burst(index),
      () => {
        const pair = [one, id()]
        const entries = pair.map((each) => ({ type: 'insert', id: each, vector: vector() }) as const)
        return oracle.ask('present', pair, index.batch(entries))
      },
      () => {
        const pair = [one, id()]
        const work = async (tx: Parameters<Parameters<DurableIndex['transaction']>[0]>[0]) => {
          for (const each of pair) await tx.insert(each, vector())
        }
        return oracle.ask('present', pair, index.transaction(work))
      },
      async () => {
        await oracle.ask('present', [one], index.insert(one, vector()))
        await oracle.ask('absent', [one], index.delete(one))
      },
      () => {
        const contended = `shared-${random.below(1_000)}`
        return Promise.all(
          this.nodes.map((node) => oracle.contend(contended, node.index.insert(contended, vector()))),
        )
      },
      () => index.upsert(`any-${random.below(5)}`, vector()).catch(() => {}),
    ])()
  }

  /** So much at once that several frames are on their way together. */
  async #burst(index: DurableIndex): Promise<void> {
    const ids = Array.from({ length: 2 + this.random.below(5) }, () => `own-${++this.#ids}`)
    const metadata = 'x'.repeat(this.random.below(50_000))
    await Promise.all(ids.map((id) => this.oracle.ask('present', [id], index.insert(id, [1, 1], metadata))))
  }

  /** Somebody asks at once what became of changes of which nobody was told. */
  async settleSome(): Promise<void> {
    for (const asked of this.oracle.unsettled) {
      if (this.random.chance(0.5)) continue
      const { index } = this.random.pick(this.nodes)
      await index.settle(asked.ticket!).then(
        (settled) => {
          this.tally.settled++
          this.oracle.settled(asked, settled)
        },
        () => {},
      )
    }
  }

  /** Its process ends at once: nothing gets through any more, and another one takes its place. */
  async kill(at: number): Promise<void> {
    this.tally.kills++
    const { index, disk, connection } = this.nodes[at]!
    connection.cut(true)
    const killed = disk.kill()
    // What it would do yet reaches nobody.
    void index.close().catch(() => {})
    this.nodes[at] = await this.open(this.random.chance(0.3) ? undefined : killed)
  }

  /** All nodes, and one that begins now, hold the same; and what was acknowledged is there. */
  async check(where: string): Promise<void> {
    await Promise.all(this.nodes.map(({ index }) => index.sync()))
    for (const asked of this.oracle.unsettled) {
      const { index } = this.random.pick(this.nodes)
      this.tally.settled++
      this.oracle.settled(asked, await index.settle(asked.ticket!))
    }
    await Promise.all(this.nodes.map(({ index }) => index.sync()))
    const fresh = await this.open()
    try {
      await Promise.all([...this.nodes.map(({ index }) => index.sync()), fresh.index.sync()])
      const { seq, fingerprint } = fresh.index.position
      for (const [at, { index }] of this.nodes.entries()) {
        assert.deepEqual(
          index.position,
          { seq, fingerprint },
          `${where}: node ${at} differs from a fresh one`,
        )
        this.oracle.check(index, `${where}, node ${at}`)
      }
      this.oracle.check(fresh.index, `${where}, fresh node`)
      await checkOnce(fresh.log, where)
    } finally {
      await fresh.index.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ index }) => index.close()))
  }
}

/** Fails where a change that was made once stands in the log twice, or out of the order. */
async function checkOnce(log: ReplicatedLog, where: string): Promise<void> {
  const seen = new Set<string>()
  let next: number | undefined
  for await (const { seq, entry } of log.read()) {
    assert.equal(seq, next ?? seq, `${where}: record ${seq} comes where ${next} was to come`)
    next = seq + 1
    for (const change of entry.type === 'batch' ? entry.entries : [entry]) {
      if (change.type !== 'insert' || !change.id.startsWith('own-')) continue
      assert.ok(!seen.has(change.id), `${where}: ${change.id} is inserted twice`)
      seen.add(change.id)
    }
  }
}
