/**
 * `walv/jetstream`: NATS JetStream as the engine of a replicated log. Needs
 * `npm install @nats-io/transport-node@3.3.1 @nats-io/jetstream@3.3.1`, and servers of version 2.10
 * or later.
 */
import type { LogToOpen } from '../log/log.ts'
import type { OptionNames } from '../option-names.ts'
import type { Engine } from '../replicated/engine.ts'
import type { ReplicaOptions } from '../replicated/options.ts'
import {
  checkedEngineOptions,
  ENGINE_OPTIONS,
  type EngineOptions,
  invalid,
  persistently,
  replicaOver,
} from './engines.ts'
import { connected, type JetStreamCredentials } from './jetstream/connection.ts'
import { JetStreamEngine } from './jetstream/engine.ts'
import { checkGuarantee, checkVersion } from './jetstream/guarantee.ts'
import { openStreams, streamNames } from './jetstream/streams.ts'

export type { EngineOptions, JetStreamCredentials, ReplicaOptions }

export interface JetStreamOptions extends EngineOptions {
  /**
   * How many servers have each message: 1, 3 or 5. Default 3. Streams that are there already must
   * have as many at least.
   */
  readonly replicas?: number
  /**
   * Monitoring addresses of the servers, as `http://nats-1:8222`: where a server tells whether it
   * syncs each message. Without them `quorum-synced` and `one-synced` need `trust`.
   */
  readonly monitors?: readonly string[]
  readonly credentials?: JetStreamCredentials
}

export interface JetStreamLogOptions extends JetStreamOptions, ReplicaOptions {}

const OPTIONS: OptionNames<JetStreamOptions> = {
  ...ENGINE_OPTIONS,
  replicas: true,
  monitors: true,
  credentials: true,
}

const DEFAULT_PORT = 4222

/**
 * A replicated log in NATS JetStream, for `DurableIndex.open({ log: jetstream({ … }), index })`,
 * which opens it and closes it. Every node that opens it by this name, with a `cacheDirectory` of
 * its own, reads and writes the same index. Opening throws what `openJetStream` does, and
 * `WALV_FOREIGN_LOG` or `WALV_DAMAGED` where the stream is not the one that this node has seen.
 * @throws WALV_INVALID_OPTION
 */
export const jetstream = (options: JetStreamLogOptions): LogToOpen =>
  replicaOver<JetStreamOptions>('JetStream', options, openJetStream)

/**
 * Opens the streams `walv_NAME` and `walv_NAME_objects`, and makes those that are not there. A
 * stream that is there must keep everything until it is trimmed, in files, and refuse what it has
 * no room for.
 *
 * What `guarantee` needs:
 * - `quorum-synced`: 3 replicas or more, and servers with `jetstream { sync_interval: always }`;
 * - `quorum-memory`: 3 replicas or more;
 * - `one-synced`: servers with `sync_interval: always`;
 * - `one-memory`: nothing.
 *
 * It is looked at when it is opened, and not again.
 *
 * @throws WALV_INVALID_OPTION, also where the guarantee does not hold; WALV_PERMISSION where the
 * servers refuse the credentials; WALV_ENGINE where a package is not installed; WALV_UNAVAILABLE
 * where no server answers within `timeoutMs`
 */
export async function openJetStream(options: JetStreamOptions): Promise<Engine> {
  const { servers, guarantee, timeoutMs } = checkedEngineOptions(
    'openJetStream',
    options,
    OPTIONS,
    DEFAULT_PORT,
  )
  const { name, replicas = 3, tls, credentials, monitors, trust = false } = options
  if (![1, 3, 5].includes(replicas)) throw invalid('The option replicas must be 1, 3 or 5.')
  const addresses = servers.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  const names = streamNames(name)
  const title = `JetStream stream ${names.log} at ${addresses.join(', ')}`
  return persistently(title, timeoutMs, async () => {
    const connection = await connected(addresses, tls, credentials)
    try {
      checkVersion(title, connection.nc.info!.version)
      const streams = await openStreams(connection, names, replicas)
      await checkGuarantee({
        title,
        guarantee,
        trust,
        monitors,
        streams,
        own: connection.nc.info!.server_name,
      })
      return new JetStreamEngine(connection, names, title, guarantee)
    } catch (error) {
      await connection.nc.close()
      throw error
    }
  })
}
