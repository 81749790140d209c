/** PostgreSQL, alone and with a synchronous standby, is an engine as a replicated log needs it. */
import { after, before, describe, test } from 'node:test'
import { openPostgres, postgres } from '../../../src/adapters/postgres.ts'
import { engineConformance } from '../../support/kit.ts'
import { OWNER, PostgresServers } from '../../support/postgres-servers.ts'
import { agreeOn } from '../../support/replicated-nodes.ts'

const LIMIT_MS = 60_000

for (const standbys of [0, 1])
  describe(`PostgreSQL with ${standbys} standbys`, () => {
    let servers: PostgresServers
    let logs = 0
    before(async () => {
      servers = await PostgresServers.start(standbys)
    })
    after(() => servers.stop())

    function options() {
      return {
        servers: servers.primary.address,
        name: `log-${logs++}`,
        database: 'postgres',
        credentials: { user: OWNER },
        guarantee: standbys === 0 ? 'one-synced' : 'quorum-synced',
      } as const
    }

    function place() {
      const own = options()
      return { open: () => openPostgres(own) }
    }

    for (const { name, run } of engineConformance(place)) test(name, { timeout: LIMIT_MS }, run)

    test('nodes write one index, come and go, and agree', { timeout: LIMIT_MS }, async (t) => {
      const own = options()
      await agreeOn(t, (cacheDirectory) => postgres({ ...own, cacheDirectory }))
    })
  })
