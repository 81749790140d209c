/**
 * `walv/postgres`: PostgreSQL as the engine of a replicated log. Needs `npm install pg@8.23.1`, and
 * servers of version 14 or later.
 */
import type { LogToOpen } from '../log/log.ts'
import type { OptionNames } from '../option-names.ts'
import type { Engine } from '../replicated/engine.ts'
import type { ReplicaOptions } from '../replicated/options.ts'
import {
  checkedEngineOptions,
  ENGINE_OPTIONS,
  type EngineOptions,
  persistently,
  replicaOver,
} from './engines.ts'
import { PostgresEngine } from './postgres/engine.ts'
import type { PostgresCredentials } from './postgres/settings.ts'
import { openTables } from './postgres/tables.ts'

export type { EngineOptions, PostgresCredentials, ReplicaOptions }

export interface PostgresOptions extends EngineOptions {
  readonly database: string
  readonly credentials: PostgresCredentials
}

export interface PostgresLogOptions extends PostgresOptions, ReplicaOptions {}

const OPTIONS: OptionNames<PostgresOptions> = { ...ENGINE_OPTIONS, database: true, credentials: true }
const DEFAULT_PORT = 5432

/**
 * A replicated log in PostgreSQL, for `DurableIndex.open({ log: postgres({ … }), index })`, which
 * opens it and closes it. Every node that opens it by this name, with a `cacheDirectory` of its
 * own, reads and writes the same index. Opening throws what `openPostgres` does, and
 * `WALV_FOREIGN_LOG` or `WALV_DAMAGED` where the log is not the one that this node has seen.
 * @throws WALV_INVALID_OPTION
 */
export const postgres = (options: PostgresLogOptions): LogToOpen =>
  replicaOver<PostgresOptions>('PostgreSQL', options, openPostgres)

/**
 * Opens the log in the tables `walv_logs`, `walv_messages` and `walv_objects` of the first schema
 * in the search path, and makes them where they are not there. All logs of a database share them.
 * Of `servers` the first is taken that is no standby.
 *
 * What `guarantee` needs:
 * - `quorum-synced`: `fsync`, and `synchronous_standby_names` with connected standbys, so many that
 *   what a commit waits for is more than half of the servers;
 * - `quorum-memory`: the same without `fsync`: a commit waits until standbys have it in memory;
 * - `one-synced`: `fsync`;
 * - `one-memory`: nothing.
 *
 * It is looked at with each connection. The standbys are seen by members of `pg_monitor` only. What
 * the standbys' own `fsync` is, nobody sees.
 *
 * @throws WALV_INVALID_OPTION, also where the guarantee does not hold; WALV_PERMISSION where the
 * server refuses the credentials, or the role may not do what it has to; WALV_ENGINE where `pg` is
 * not installed; WALV_UNAVAILABLE where no server answers within `timeoutMs`
 */
export async function openPostgres(options: PostgresOptions): Promise<Engine> {
  const checked = checkedEngineOptions('openPostgres', options, OPTIONS, DEFAULT_PORT)
  const addresses = checked.servers.map(({ host, port }) => `${host}:${port}`).join(', ')
  const title = `PostgreSQL log ${options.name} at ${addresses}`
  const settings = { ...checked, ...options, servers: checked.servers, guarantee: checked.guarantee, title }
  return persistently(title, checked.timeoutMs, async () => {
    await openTables(settings)
    return new PostgresEngine(settings)
  })
}
