/** JetStream, on one server and on three, is an engine as a replicated log needs it. */
import { after, before, describe, test } from 'node:test'
import { jetstream, openJetStream } from '../../../src/adapters/jetstream.ts'
import { engineConformance } from '../../support/kit.ts'
import { NatsServers } from '../../support/nats-servers.ts'
import { agreeOn } from '../../support/replicated-nodes.ts'

const LIMIT_MS = 60_000

for (const replicas of [1, 3])
  describe(`JetStream with ${replicas} of ${replicas} servers`, () => {
    let servers: NatsServers
    let logs = 0
    before(async () => {
      servers = await NatsServers.start({ size: replicas })
    })
    after(() => servers.stop())

    function options() {
      const { addresses, monitors } = servers
      const guarantee = replicas === 1 ? 'one-synced' : 'quorum-synced'
      return { servers: addresses, name: `log-${logs++}`, replicas, guarantee, monitors } as const
    }

    function place() {
      const own = options()
      return { open: () => openJetStream(own) }
    }

    for (const { name, run } of engineConformance(place)) test(name, { timeout: LIMIT_MS }, run)

    test('nodes write one index, come and go, and agree', { timeout: LIMIT_MS }, async (t) => {
      const own = options()
      await agreeOn(t, (cacheDirectory) => jetstream({ ...own, cacheDirectory }))
    })
  })
