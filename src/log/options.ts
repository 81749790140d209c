import { epochMs, monotonicMs } from '../clock.ts'
import type { Disk } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { IndexIdentity, SnapshotReference } from '../entry.ts'
import { DEFAULT_MAX_PENDING_BYTES } from '../limits.ts'
import { checkOptions, type OptionNames, wrongKind } from '../option-names.ts'
import type { Snapshot } from './log.ts'
import type { Past } from './moment.ts'

/**
 * When an append is acknowledged, and so what a crash can take.
 * - `'commit'`: when its bytes are synced. A power cut takes nothing that was acknowledged.
 * - `{ intervalMs }`: when its bytes are with the operating system, which is told to sync every so
 *   many milliseconds, under any load. A process kill takes nothing, a power cut at most what was
 *   acknowledged in the last `intervalMs` and the length of a sync (of two, if that is longer).
 * - `'os'`: when its bytes are with the operating system. A process kill takes nothing, a power cut
 *   whatever the system had not yet written.
 */
export type Durability = 'commit' | 'os' | { readonly intervalMs: number }

/**
 * What opening does about damage. `'strict'`: refuses proven loss of acknowledged records.
 * `'salvage'`: goes on with all that verifies and names the rest. `'repair'`: the same, and first
 * copies every damaged file to `quarantine/`, then writes a clean log.
 */
export type RecoveryPolicy = 'strict' | 'salvage' | 'repair'

export interface WalOptions {
  /** Made if missing, unless read-only. One log a directory. */
  readonly directory: string
  /** Opens nothing for writing and takes no lock: safe beside a live writer. Default false. */
  readonly readOnly?: boolean
  /**
   * Keeps up with whoever writes the log, in this process or another: what is durable there becomes
   * visible here. Implies `readOnly`. Default false: what is there at opening is all that is seen.
   */
  readonly follow?: boolean
  /** Default `'commit'`. */
  readonly durability?: Durability
  /** Default `'strict'`. */
  readonly recovery?: RecoveryPolicy
  /**
   * Largest segment file, except for a record that needs more, and for the first after opening,
   * which has 256 KiB; each following one is at least twice as large, up to this. 64 KiB to 1 GiB,
   * default 64 MiB.
   */
  readonly segmentMaxBytes?: number
  /** A segment older than this is followed by a new one at the next append. Default: no limit. */
  readonly segmentMaxAgeMs?: number
  /**
   * How many checkpoints, with their snapshots and the log behind the oldest of them, are kept. 1
   * to 1 000, default 2.
   */
  readonly checkpointRetention?: number
  /**
   * How much of the past is kept beside that, for `DurableIndex.openAt` and its kin. It costs disk
   * space, which `stats().history` tells, and the time to read the log when it is opened. Only an
   * opening with this option keeps it: one without lets go of it. Default: nothing.
   */
  readonly history?: History
  /**
   * Bytes appended and not yet on disk, above which an append is refused with `WALV_BACKPRESSURE`;
   * the calls of a `DurableIndex` wait instead. What ends a transaction, and the record of a
   * checkpoint, is never refused so. Default 64 MiB.
   */
  readonly maxPendingBytes?: number
  /**
   * A sync that takes this long or longer while appends wait for it is warned about, once per open
   * log, as a process warning of code `WALV_SLOW_SYNC`. Default 1 000.
   */
  readonly slowSyncMs?: number
  /**
   * How long to wait, in milliseconds, where another has the log open for writing, before opening
   * fails with `WALV_LOCKED`. `signal` ends the wait. Default 0.
   */
  readonly lockWaitMs?: number
  /**
   * How long `close` waits, in milliseconds, for the function of a snapshot under way to write more
   * of it or to end. Then it gives the checkpoint up, which rejects with `WALV_CLOSED`. Default 10
   * 000.
   */
  readonly closeWaitMs?: number
  /**
   * Told of the progress of opening. The total may change as more is known of the work; what is
   * done does not go back, and is the total at the end.
   */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void
  /** Ends opening early, with `WALV_ABORTED`. Nothing that the log held is lost. */
  readonly signal?: AbortSignal
  /** The file system; for tests. */
  readonly disk?: Disk
  /**
   * Milliseconds since the epoch; for tests. It then measures ages as well, for which there is
   * otherwise a clock that nobody sets.
   */
  readonly clock?: () => number
}

/**
 * How much of the past is kept, beyond what `checkpointRetention` keeps: what is both young and
 * small enough. At least one of the two is to be given. Whole segments are kept, and the snapshots
 * that are needed, so that it may be somewhat more; it is let go of behind a checkpoint.
 */
export interface History {
  /** Every moment of the last so many milliseconds. Default: however old. */
  readonly keepMs?: number
  /** At most so many bytes of segments and snapshots. Default: however many. */
  readonly keepBytes?: number
}

/** The same, complete. */
export type HistorySettings = Required<History>

const HISTORY: OptionNames<History> = { keepMs: true, keepBytes: true }

export const DEFAULT_CLOSE_WAIT_MS = 10_000
/** No timer runs longer. */
const MAX_TIMER_MS = 2 ** 31 - 1

export interface WalSettings {
  readonly directory: string
  readonly readOnly: boolean
  readonly follow: boolean
  /** How often to sync: at every group, never, or every so many milliseconds. */
  readonly durability: Durability
  readonly recovery: RecoveryPolicy
  readonly segmentMaxBytes: number
  readonly segmentMaxAgeMs: number
  readonly checkpointRetention: number
  readonly history: HistorySettings | undefined
  readonly maxPendingBytes: number
  readonly slowSyncMs: number
  readonly lockWaitMs: number
  readonly closeWaitMs: number
  readonly onProgress: ((bytesDone: number, bytesTotal: number) => void) | undefined
  readonly signal: AbortSignal | undefined
  readonly disk: Disk
  readonly clock: () => number
  /** Milliseconds of a clock that only goes on: ages are differences of this one. */
  readonly ageClock: () => number
  /** Of whoever opens the log and knows what its snapshots hold. */
  readonly content?: ContentRules | undefined
  /** Others may hand their changes to the holder of the lock. */
  readonly shares?: boolean
}

export const WAL_OPTIONS: OptionNames<WalOptions> = {
  directory: true,
  readOnly: true,
  follow: true,
  durability: true,
  recovery: true,
  segmentMaxBytes: true,
  segmentMaxAgeMs: true,
  checkpointRetention: true,
  history: true,
  maxPendingBytes: true,
  slowSyncMs: true,
  lockWaitMs: true,
  closeWaitMs: true,
  onProgress: true,
  signal: true,
  disk: true,
  clock: true,
}

/**
 * Checks options and fills in the defaults.
 * @throws WALV_INVALID_OPTION
 */
export function settingsOf(options: WalOptions): WalSettings {
  checkOptions('Wal.open', options, WAL_OPTIONS)
  const { directory, durability = 'commit', recovery = 'strict', readOnly = false, follow = false } = options
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0'))
    throw wrongKind('directory', directory, 'a path')
  if (!['strict', 'salvage', 'repair'].includes(recovery))
    throw wrongKind('recovery', recovery, "'strict', 'salvage' or 'repair'")
  if (typeof readOnly !== 'boolean') throw wrongKind('readOnly', readOnly, 'true or false')
  if (typeof follow !== 'boolean') throw wrongKind('follow', follow, 'true or false')
  const MIB = 1024 * 1024
  return {
    directory,
    durability: durabilityOf(durability),
    recovery,
    readOnly: readOnly || follow,
    follow,
    segmentMaxBytes: wholeNumber(
      'segmentMaxBytes',
      options.segmentMaxBytes ?? 64 * MIB,
      64 * 1024,
      1024 * MIB,
    ),
    segmentMaxAgeMs:
      options.segmentMaxAgeMs === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumber('segmentMaxAgeMs', options.segmentMaxAgeMs, 1),
    checkpointRetention: wholeNumber('checkpointRetention', options.checkpointRetention ?? 2, 1, 1_000),
    history: options.history === undefined ? undefined : historyOf(options.history),
    maxPendingBytes: wholeNumber(
      'maxPendingBytes',
      options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES,
      1024,
    ),
    slowSyncMs: wholeNumber('slowSyncMs', options.slowSyncMs ?? 1_000, 1),
    lockWaitMs: wholeNumber('lockWaitMs', options.lockWaitMs ?? 0, 0),
    closeWaitMs: wholeNumber('closeWaitMs', options.closeWaitMs ?? DEFAULT_CLOSE_WAIT_MS, 0, MAX_TIMER_MS),
    onProgress: options.onProgress,
    signal: options.signal,
    disk: options.disk ?? nodeDisk,
    clock: options.clock ?? epochMs,
    ageClock: options.clock ? goingOn(options.clock) : monotonicMs,
  }
}

function historyOf(history: History): HistorySettings {
  checkOptions('history', history, HISTORY)
  const { keepMs, keepBytes } = history
  if (keepMs === undefined && keepBytes === undefined)
    throw wrongKind('history', history, '{ keepMs }, { keepBytes }, or both')
  return {
    keepMs: keepMs === undefined ? Number.POSITIVE_INFINITY : wholeNumber('history.keepMs', keepMs, 1),
    keepBytes:
      keepBytes === undefined ? Number.POSITIVE_INFINITY : wholeNumber('history.keepBytes', keepBytes, 0),
  }
}

/** A clock that goes on as another does, and stands while that is set back. */
function goingOn(clock: () => number): () => number {
  let last = clock()
  let elapsedMs = 0
  return () => {
    const now = clock()
    elapsedMs += Math.max(0, now - last)
    last = now
    return elapsedMs
  }
}

function durabilityOf(durability: Durability): Durability {
  if (durability === 'commit' || durability === 'os') return durability
  if (typeof durability !== 'object' || durability === null)
    throw wrongKind('durability', durability, "'commit', 'os' or { intervalMs }")
  return { intervalMs: wholeNumber('durability.intervalMs', durability.intervalMs, 1, 3_600_000) }
}

/** @throws WALV_INVALID_OPTION */
export function wholeNumber(
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
  if (!fits) throw wrongKind(name, value, `a whole number from ${min} to ${max}`)
  return value
}

/** Of whoever opens a log and knows what is in its records and snapshots. */
export interface ContentRules {
  /**
   * Told, before the log is read, which snapshot it is likely to be. Nothing of it is verified yet.
   */
  expect?(snapshot: SnapshotReference): void
  /** The log is looked at as it was; only read-only. */
  readonly past?: Past | undefined
  /**
   * Told what vectors the log says that it holds, before anything is changed; undefined where it
   * does not say. Throws to refuse the log.
   */
  accept?(found: IndexIdentity | undefined): void
  /**
   * Tries a snapshot whose hashes are right by what it holds. Answers whether that was proved, or
   * false where nothing is known of it; `problem` if it is not what was saved, so that another has
   * to be used. `seq`: through which record it reaches; `behind`: how much of the log is to be
   * replayed on top of it, from 0 to 1.
   */
  tryOut(snapshot: Snapshot, seq: number, behind: number): Promise<boolean | { readonly problem: string }>
}
