import { pause } from '../../src/replicated/patience.ts'
import { Cluster, FAULTS } from './cluster.ts'

const ROUNDS = 2
const CHANGES = 24

/** One seed: rounds of changes under faults and kills, with a look at everything after each. */
export async function scenario(seed: number): Promise<Record<string, number>> {
  const cluster = new Cluster(seed)
  await cluster.run(`seed ${seed}`, live(cluster, seed))
  return { ...cluster.oracle.tally, ...cluster.tally }
}

async function live(cluster: Cluster, seed: number): Promise<void> {
  const { random, engine } = cluster
  for (let count = 2 + random.below(2); count > 0; count--) await cluster.add()
  for (let round = 0; round < ROUNDS; round++) {
    engine.faults = FAULTS
    await Promise.all([disturb(cluster), changes(cluster)])
    engine.faults = {}
    engine.hasQuorum = true
    for (const { connection } of cluster.nodes) connection.cut(false)
    await cluster.check(`seed ${seed}, round ${round}`)
  }
  await cluster.close()
}

async function changes(cluster: Cluster): Promise<void> {
  const { random } = cluster
  const underWay: Promise<unknown>[] = []
  for (let count = 0; count < CHANGES; count++) {
    underWay.push(cluster.change(random.pick(cluster.nodes)))
    if (random.chance(0.5)) await pause(random.below(20))
    if (random.chance(0.1)) underWay.push(pause(random.below(400)).then(() => cluster.settleSome()))
  }
  await Promise.all(underWay)
}

async function disturb(cluster: Cluster): Promise<void> {
  const { random, engine, nodes } = cluster
  for (let count = random.below(4); count > 0; count--) {
    await pause(random.below(100))
    const at = random.below(nodes.length)
    await random.pick([
      () => cluster.kill(at),
      async () => {
        await nodes[at]!.index.checkpoint().then(
          () => cluster.tally.checkpoints++,
          () => {},
        )
      },
      () => fallBehind(cluster, at),
      async () => {
        engine.hasQuorum = false
        await pause(random.below(random.chance(0.3) ? 900 : 200))
        engine.hasQuorum = true
      },
      async () => {
        const { connection } = nodes[at]!
        connection.cut(true)
        await pause(random.below(600))
        connection.cut(false)
      },
    ])()
  }
}

/** A node is away while another one takes checkpoints, and the log is trimmed behind it. */
async function fallBehind(cluster: Cluster, at: number): Promise<void> {
  const { nodes, tally } = cluster
  const { connection, index } = nodes[at]!
  const other = nodes[(at + 1) % nodes.length]!
  connection.cut(true)
  const before = index.stats().lastCheckpointAt
  for (let count = 0; count < 3; count++) {
    await cluster.change(other).catch(() => {})
    await other.index.checkpoint().then(
      () => tally.checkpoints++,
      () => {},
    )
  }
  connection.cut(false)
  await pause(200)
  if (index.stats().lastCheckpointAt !== before) tally.jumps++
}
