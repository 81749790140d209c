import type { ConnectionOptions } from 'node:tls'
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection, TlsOptions } from '@nats-io/transport-node'
import { WalError } from '../../errors.ts'
import { invalid } from '../engines.ts'
import { loadPeer, type Peer } from '../peer.ts'

/** Who this is for the servers: one of these. They are in no message and in no error. */
export type JetStreamCredentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** The seed of an nkey, which begins with `SU`. */
  | { readonly seed: string }
  /** The text of a `.creds` file. */
  | { readonly creds: string }

const TRANSPORT: Peer = { adapter: 'jetstream', name: '@nats-io/transport-node', version: '3.3.1' }
const JETSTREAM: Peer = { adapter: 'jetstream', name: '@nats-io/jetstream', version: '3.3.1' }

/**
 * What is asked of the servers has an answer after so long, or has none. A request that a broken
 * connection took with it is not told of otherwise.
 */
const CALL_MS = 3_000
/** For what may be asked of another server instead. */
const SHORT_CALL_MS = 1_000

export interface Connection {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  /** With less patience. */
  readonly quick: JetStreamManager
}

/**
 * Each server is tried once.
 * @throws WALV_PERMISSION where the credentials are refused, WALV_ENGINE
 */
export async function connected(
  servers: string[],
  tls: ConnectionOptions | undefined,
  credentials: JetStreamCredentials | undefined,
): Promise<Connection> {
  const transport = loadPeer(TRANSPORT) as typeof import('@nats-io/transport-node')
  const { jetstream, jetstreamManager } = loadPeer(JETSTREAM) as typeof import('@nats-io/jetstream')
  const nc = await transport
    .connect({
      servers,
      name: 'walv',
      timeout: CALL_MS,
      // For ever, whatever happens: those who wait above give up when they have had enough.
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 200,
      pingInterval: 2_000,
      maxPingOut: 2,
      ...(tls && { tls: tls as TlsOptions }),
      ...(credentials && authentication(transport, credentials)),
    })
    .catch((error: Error) => {
      throw isRefusal(error) ? refused() : error
    })
  const options = { timeout: CALL_MS, checkAPI: false }
  const js = jetstream(nc, options)
  const jsm = await jetstreamManager(nc, options)
  return { nc, js, jsm, quick: await jetstreamManager(nc, { ...options, timeout: SHORT_CALL_MS }) }
}

function authentication(
  { credsAuthenticator, nkeyAuthenticator }: typeof import('@nats-io/transport-node'),
  credentials: JetStreamCredentials,
): object {
  const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
  if ('user' in credentials) return { user: credentials.user, pass: credentials.password }
  if ('token' in credentials) return { token: credentials.token }
  if ('seed' in credentials) return { authenticator: checked(nkeyAuthenticator(bytesOf(credentials.seed))) }
  if ('creds' in credentials)
    return { authenticator: checked(credsAuthenticator(bytesOf(credentials.creds))) }
  throw invalid('The option credentials must have user and password, token, seed, or creds.')
}

/** Fails now rather than in a connection that is tried again and again. */
function checked<Authenticator extends (nonce?: string) => unknown>(
  authenticator: Authenticator,
): Authenticator {
  try {
    authenticator('nonce')
  } catch {
    throw invalid('The option credentials has a seed or creds that cannot be read. Is it cut short?')
  }
  return authenticator
}

const isRefusal = ({ name, message }: Error): boolean =>
  name === 'UserAuthenticationExpiredError' || /authorization violation|account .* expired/i.test(message)

/** Without a cause: what it has in it is not ours to say. */
const refused = (): WalError =>
  new WalError('WALV_PERMISSION', 'The NATS server refused the credentials. Check the option credentials.')
