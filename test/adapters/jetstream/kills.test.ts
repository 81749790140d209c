/** Three servers, of which some are killed while messages are appended and read. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { openJetStream } from '../../../src/adapters/jetstream.ts'
import { Load } from '../../support/engine-load.ts'
import { kill } from '../../support/kit.ts'
import { NatsServers } from '../../support/nats-servers.ts'

const LIMIT = { timeout: 120_000 }

let servers: NatsServers
before(async () => {
  servers = await NatsServers.start({ size: 3 })
})
after(() => servers.stop())

const open = (name: string) =>
  openJetStream({ servers: servers.addresses, name, guarantee: 'quorum-synced', monitors: servers.monitors })

/** The servers of the stream of a log, its leader first. */
async function holders(name: string): Promise<string[]> {
  const nc = await connect({ servers: servers.addresses })
  const { streams } = await jetstreamManager(nc, { checkAPI: false, timeout: 1_000 })
  try {
    for (;;) {
      const info = await streams.info(`walv_${name}`).catch(() => undefined)
      if (info?.cluster?.leader)
        return [info.cluster.leader, ...info.cluster.replicas!.map((each) => each.name)]
    }
  } finally {
    await nc.close()
  }
}

test('a server is killed and comes back, then the leader: nothing acknowledged is lost', LIMIT, async (t) => {
  const engine = await open('kills')
  const { incarnation } = await engine.range()
  const load = new Load(t, engine)
  await load.more(20)
  for (const role of [1, 0]) {
    const killed = servers.named((await holders('kills'))[role]!)
    await kill(killed.child)
    await load.more(20)
    servers.restart(killed)
    await load.more(20)
  }
  await load.end()
  assert.equal((await engine.range()).incarnation, incarnation)
  await engine.close()
})

test('without a quorum nothing is acknowledged, and it goes on when a server is back', LIMIT, async (t) => {
  const engine = await open('quorum')
  const load = new Load(t, engine)
  await load.more(20)
  const two = servers.all.slice(1)
  await Promise.all(two.map(({ child }) => kill(child)))
  const { size } = load.acknowledged
  const rejected = load.rejected.length
  while (load.rejected.length < rejected + 4) await sleep(50)
  assert.ok(load.acknowledged.size <= size + 4, 'only what was on its way')
  for (const server of two) servers.restart(server)
  await load.more(20)
  await load.end()
  await engine.close()
})
