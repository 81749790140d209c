import type { Exchange } from '../disk/exchange.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { JsonValue } from '../entry.ts'
import { WalError } from '../errors.ts'
import { DEFAULT_MAX_PENDING_BYTES } from '../limits.ts'
import { mayShare } from '../log/lock-holder.ts'
import { DEFAULT_CLOSE_WAIT_MS, WAL_OPTIONS, type WalOptions } from '../log/options.ts'
import type { OptionNames } from '../option-names.ts'
import { checkOptions, wrongKind } from '../option-names.ts'
import { PROTOCOL_VERSION } from './messages.ts'
import type { Hello } from './server.ts'

/**
 * Who of those that share a directory may lead. `'auto'`: any. `'follow'`: not this one, which
 * waits for another to lead. `'prefer'`: this one, as soon as it is there.
 */
export type ShareRole = 'auto' | 'follow' | 'prefer'

export interface ShareOptions extends WalOptions {
  /** Default `'auto'`. */
  readonly role?: ShareRole
  /** What the user of the log wants to be the same in all processes. */
  readonly agreed?: { readonly [option: string]: JsonValue }
}

export const SHARE_OPTIONS: OptionNames<ShareOptions> = {
  ...WAL_OPTIONS,
  role: true,
  agreed: true,
}

export interface ShareSettings {
  readonly role: ShareRole
  readonly exchange: Exchange
  readonly maxPendingBytes: number
  readonly closeWaitMs: number
  readonly agreed: Hello['agreed']
  /** To open the log for writing at first, for writing later, and to follow it. */
  readonly wal: WalOptions
  readonly successor: WalOptions
  readonly follower: WalOptions
  hello(process: string): Hello
  /** Whether opening for writing was refused because a process that shares the directory leads. */
  isOfSharer(error: unknown): boolean
}

/** @throws WALV_INVALID_OPTION */
export function shareSettings(options: ShareOptions): ShareSettings {
  checkOptions('DurableIndex.open', options, SHARE_OPTIONS)
  const { role = 'auto', agreed: others = {}, ...wal } = options
  if (!['auto', 'follow', 'prefer'].includes(role))
    throw wrongKind('role', role, "'auto', 'follow' or 'prefer'")
  const {
    durability = 'commit',
    maxPendingBytes = DEFAULT_MAX_PENDING_BYTES,
    closeWaitMs = DEFAULT_CLOSE_WAIT_MS,
  } = wal
  if (wal.readOnly || wal.follow)
    throw new WalError(
      'WALV_INVALID_OPTION',
      'A directory that is shared is written by all: leave out share, or readOnly and follow.',
    )
  const { exchange } = wal.disk ?? nodeDisk
  if (exchange === undefined)
    throw new WalError(
      'WALV_INVALID_OPTION',
      'A directory on this disk cannot be shared: its processes have no way to talk to each other.',
    )
  const agreed = { durability: durability as JsonValue, ...others }
  const { signal: _signal, onProgress: _onProgress, ...later } = wal
  return {
    role,
    exchange,
    maxPendingBytes,
    closeWaitMs,
    agreed,
    wal,
    successor: later,
    follower: { ...later, follow: true },
    hello: (id) => ({
      protocol: PROTOCOL_VERSION,
      process: id,
      pid: process.pid,
      prefers: role === 'prefer',
      agreed,
    }),
    isOfSharer: (error) =>
      error instanceof WalError && error.code === 'WALV_LOCKED' && mayShare(error.detail),
  }
}
