/** What the engines of replicated logs are opened with, as far as they have it in common. */
import type { ConnectionOptions } from 'node:tls'
import { delay, monotonicMs } from '../clock.ts'
import { echo } from '../echo.ts'
import { WalError } from '../errors.ts'
import { checkOneOf } from '../index/index-options.ts'
import type { LogToOpen } from '../log/log.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import type { Engine, Guarantee } from '../replicated/engine.ts'
import type { ReplicaOptions } from '../replicated/options.ts'
import { replicatedLog } from '../replicated/replicated-log.ts'

export interface EngineOptions {
  /** Where the servers are, as `host` or `host:port`. Several are tried in turn. */
  readonly servers: string | readonly string[]
  /** Names the log among others of these servers: 1 to 48 of `a-z 0-9 -`, first no `-`. */
  readonly name: string
  /**
   * What an acknowledged message has to survive. Opening checks as much of it as can be seen from
   * here, and refuses with `WALV_INVALID_OPTION` where it does not hold. Default `quorum-synced`.
   */
  readonly guarantee?: Guarantee
  /**
   * Takes your word for that part of `guarantee` which cannot be seen from here. What is seen to be
   * otherwise is refused all the same. Default false.
   */
  readonly trust?: boolean
  /**
   * For TLS, as `tls.connect` of Node takes them; `{}` for the system's certificates. Where it is
   * given, nothing is sent without TLS, and the server's certificate is checked.
   */
  readonly tls?: ConnectionOptions
  /**
   * How long opening waits for servers that do not answer, and a change for the engine to take it:
   * then it is refused with `WALV_UNAVAILABLE`. In milliseconds, 1 to 600 000, default 30 000.
   */
  readonly timeoutMs?: number
}

export const ENGINE_OPTIONS: OptionNames<EngineOptions> = {
  servers: true,
  name: true,
  guarantee: true,
  trust: true,
  tls: true,
  timeoutMs: true,
}

const GUARANTEES: readonly Guarantee[] = ['quorum-synced', 'quorum-memory', 'one-synced', 'one-memory']
const DEFAULT_TIMEOUT_MS = 30_000
const RETRY_MS = 200
const NAME = /^[a-z0-9][a-z0-9-]{0,47}$/

/** An option that is not given, or is `undefined`, has its default here. */
export interface CheckedOptions {
  readonly servers: readonly { readonly host: string; readonly port: number }[]
  readonly guarantee: Guarantee
  readonly timeoutMs: number
}

/** @throws WALV_INVALID_OPTION */
export function checkedEngineOptions<Options extends EngineOptions>(
  call: string,
  options: Options,
  names: OptionNames<Options>,
  defaultPort: number,
): CheckedOptions {
  checkOptions(call, options, names)
  const { servers, name, guarantee = 'quorum-synced', timeoutMs = DEFAULT_TIMEOUT_MS } = options
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalid(`The option name must be 1 to 48 of a-z, 0-9 and -, not ${echo(name)}.`)
  checkOneOf(call, 'guarantee', guarantee, GUARANTEES)
  wholeNumber('timeoutMs', timeoutMs, 1, 600_000)
  const addresses: readonly string[] = typeof servers === 'string' ? [servers] : servers
  if (!Array.isArray(addresses) || addresses.length === 0)
    throw invalid('The option servers must be an address, as "host:port", or a list of some.')
  return { servers: addresses.map((each) => serverOf(each, defaultPort)), guarantee, timeoutMs }
}

const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i

/** The address is not repeated where it is wrong: it may be a URL with a password in it. */
function serverOf(address: unknown, defaultPort: number): { host: string; port: number } {
  const [, v6, host = v6, port] = (typeof address === 'string' && ADDRESS.exec(address)) || []
  if (host !== undefined) return { host, port: port === undefined ? defaultPort : Number(port) }
  throw invalid(
    'Each of the option servers must be "host" or "host:port"; credentials have their own option.',
  )
}

export const invalid = (message: string, cause?: unknown): WalError =>
  new WalError('WALV_INVALID_OPTION', message, cause === undefined ? {} : { cause })

/** What is asked for does not hold: `why` says what is otherwise, `remedy` what to do. */
export const notGuaranteed = (name: string, guarantee: Guarantee, why: string, remedy: string): WalError =>
  invalid(`${name} does not give the guarantee ${guarantee}: ${why}. ${remedy}`)

/** For the part of a guarantee that nobody could look at. */
export const notSeen = (name: string, guarantee: Guarantee, what: string, remedy: string): WalError =>
  invalid(
    `Whether ${name} gives the guarantee ${guarantee} cannot be seen: ${what}. ${remedy}, or, if you know that it is so, set trust: true.`,
  )

/**
 * Tries until it succeeds, fails with what no retry mends, or the time is over: then it throws
 * `WALV_UNAVAILABLE`, with the last error as its cause.
 */
export async function persistently<T>(name: string, timeoutMs: number, open: () => Promise<T>): Promise<T> {
  const until = monotonicMs() + timeoutMs
  for (;;) {
    try {
      return await open()
    } catch (cause) {
      if (cause instanceof WalError) throw cause
      if (monotonicMs() + RETRY_MS > until)
        throw new WalError(
          'WALV_UNAVAILABLE',
          `${name} could not be opened within ${timeoutMs} ms: ${(cause as Error).message}. Do the servers run, and can this machine reach them?`,
          { cause },
        )
      await delay(RETRY_MS)
    }
  }
}

/** The log of a node, for `DurableIndex.open`. Its engine has the rest of the options. */
export function replicaOver<Options extends EngineOptions>(
  kind: string,
  options: Options & ReplicaOptions,
  openEngine: (options: Options) => Promise<Engine>,
): LogToOpen {
  const { cacheDirectory, readOnly, maxPendingBytes, closeWaitMs, ...engine } = options
  return replicatedLog({
    openEngine: () => openEngine(engine as unknown as Options),
    name: `${kind} log ${String(options.name)}`,
    cacheDirectory,
    ...(readOnly !== undefined && { readOnly }),
    ...(maxPendingBytes !== undefined && { maxPendingBytes }),
    ...(closeWaitMs !== undefined && { closeWaitMs }),
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  })
}
