import type { Disk } from '../disk/disk.ts'
import { echo } from '../echo.ts'
import { WalError } from '../errors.ts'
import { DEFAULT_MAX_HELD_BYTES, MAX_OPEN_TRANSACTIONS } from '../limits.ts'
import { checkOptions } from '../option-names.ts'
import type { CursorStatus } from './cursor-types.ts'

/** `ok`: nothing to do. `warn`: look at it today. `fail`: act now. */
export type HealthLevel = 'ok' | 'warn' | 'fail'

export interface HealthCheck {
  readonly name:
    | 'poison'
    | 'size'
    | 'sync-latency'
    | 'checkpoint-age'
    | 'disk-space'
    | 'open-transactions'
    | 'cursors'
    | 'engine'
    | 'clock'
  readonly level: HealthLevel
  /** What is so, and, unless that is `ok`, what to do. */
  readonly message: string
  /** What was compared with the thresholds; null where there is nothing to compare. */
  readonly value: number | null
  readonly unit: 'bytes' | 'ms' | null
}

export interface Health {
  /** The worst of the checks. */
  readonly level: HealthLevel
  readonly checks: readonly HealthCheck[]
}

/** From where on a check is `warn` or `fail`. `Infinity` (0 for free space) switches one off. */
export interface HealthOptions {
  /** Bytes of the segment files, snapshots not counted. Default 8 GiB. */
  readonly sizeWarnBytes?: number
  /** Default 64 GiB. */
  readonly sizeFailBytes?: number
  /** Median of the last 128 syncs. Default 100. */
  readonly syncWarnMs?: number
  /** Default 1 000. */
  readonly syncFailMs?: number
  /** Time since the last checkpoint, or, without one, since opening. Default 24 hours. */
  readonly checkpointAgeWarnMs?: number
  /** Default 7 days. */
  readonly checkpointAgeFailMs?: number
  /**
   * With fewer entries than this behind the last checkpoint its age does not matter. Default 10
   * 000.
   */
  readonly checkpointMinEntries?: number
  /** Space that is left to this process on the log's file system. Default 2 GiB. */
  readonly diskFreeWarnBytes?: number
  /** Default 256 MiB. */
  readonly diskFreeFailBytes?: number
  /**
   * Time since the oldest transaction that is open or prepared began, or, if that was before, since
   * opening. Default 1 hour.
   */
  readonly transactionAgeWarnMs?: number
  /** Default 24 hours. */
  readonly transactionAgeFailMs?: number
}

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const HOUR_MS = 3_600_000

const DEFAULTS: Required<HealthOptions> = {
  sizeWarnBytes: 8 * GIB,
  sizeFailBytes: 64 * GIB,
  syncWarnMs: 100,
  syncFailMs: 1_000,
  checkpointAgeWarnMs: 24 * HOUR_MS,
  checkpointAgeFailMs: 7 * 24 * HOUR_MS,
  checkpointMinEntries: 10_000,
  diskFreeWarnBytes: 2 * GIB,
  diskFreeFailBytes: 256 * MIB,
  transactionAgeWarnMs: HOUR_MS,
  transactionAgeFailMs: 24 * HOUR_MS,
}

/** @throws WALV_INVALID_OPTION */
export function thresholdsOf(options: HealthOptions): Required<HealthOptions> {
  checkOptions('health', options, DEFAULTS)
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(typeof value === 'number' && value >= 0))
      throw new WalError(
        'WALV_INVALID_OPTION',
        `The option ${name} must be a number of at least 0, not ${echo(value)}.`,
      )
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...DEFAULTS, ...Object.fromEntries(given) }
}

/** The transaction that has been open longest. */
export interface OldestTransaction {
  readonly id: number
  readonly state: 'open' | 'prepared'
  /** Since its begin, or since opening if that was later. */
  readonly ageMs: number
  /** How many have not ended, this one included. */
  readonly count: number
}

/** What a log's health is judged by. */
export interface Vitals {
  readonly directory: string
  readonly poison: WalError | undefined
  readonly bytes: number
  readonly medianSyncMs: number | undefined
  readonly checkpointAgeMs: number | undefined
  readonly openForMs: number
  readonly entriesSinceCheckpoint: number
  /** Why it cannot be told, where it cannot. */
  readonly freeBytes: number | string
  /** Files that can still be made, where there is a limit. */
  readonly freeFiles: number
  /** Of those that are open or prepared; undefined without one. */
  readonly oldestTransaction: OldestTransaction | undefined
  /** Why they cannot be told, where they cannot. */
  readonly cursors: readonly CursorStatus[] | string
}

/** What room a disk says that it has, for a log in a directory. */
export async function roomOf(
  disk: Disk,
  directory: string,
): Promise<Pick<Vitals, 'freeBytes' | 'freeFiles'>> {
  const freeBytes = await disk.freeBytes?.(directory).catch((error: Error) => error.message)
  const freeFiles = await disk.freeFiles?.(directory).catch(() => undefined)
  return {
    freeBytes: freeBytes ?? 'this disk does not say',
    // Not all file systems have a limit, and not all disks can tell.
    freeFiles: freeFiles ?? Number.POSITIVE_INFINITY,
  }
}

export const judgeHealth = (vitals: Vitals, thresholds: Required<HealthOptions>): Health =>
  healthOf([
    poisonCheck(vitals.poison),
    sizeCheck(vitals, thresholds),
    syncCheck(vitals, thresholds),
    checkpointCheck(vitals, thresholds),
    spaceCheck(vitals, thresholds),
    transactionCheck(vitals, thresholds),
    cursorCheck(vitals.cursors),
  ])

export function healthOf(checks: readonly HealthCheck[]): Health {
  const worst = (['fail', 'warn'] as const).find((level) => checks.some((check) => check.level === level))
  return { level: worst ?? 'ok', checks }
}

export function poisonCheck(poison: WalError | undefined): HealthCheck {
  const message = poison?.message ?? 'No write or sync has failed.'
  return { name: 'poison', level: poison ? 'fail' : 'ok', message, value: null, unit: null }
}

function sizeCheck(
  { bytes, directory }: Vitals,
  { sizeWarnBytes, sizeFailBytes }: Required<HealthOptions>,
): HealthCheck {
  const level = levelAbove(bytes, sizeWarnBytes, sizeFailBytes)
  const advice = ` Opening reads all of it. Take checkpoints, which let go of what they cover, and lower checkpointRetention; if checkpoints are taken, see upkeepFailures in stats().`
  const message = `The segments in ${directory} have ${mebibytes(bytes)}.${level === 'ok' ? '' : advice}`
  return { name: 'size', level, message, value: bytes, unit: 'bytes' }
}

function syncCheck(
  { medianSyncMs }: Vitals,
  { syncWarnMs, syncFailMs }: Required<HealthOptions>,
): HealthCheck {
  const base = { name: 'sync-latency', unit: 'ms' } as const
  if (medianSyncMs === undefined)
    return { ...base, level: 'ok', message: 'Nothing was synced yet.', value: null }
  const level = levelAbove(medianSyncMs, syncWarnMs, syncFailMs)
  const advice =
    ' Every durable append waits for one. Is the disk busy, failing, throttled or a network file system (iostat, dmesg, SMART)? Is the event loop blocked? Append more at a time, or choose another durability.'
  const message = `The median of the last syncs is ${medianSyncMs.toFixed(1)} ms.${level === 'ok' ? '' : advice}`
  return { ...base, level, message, value: medianSyncMs }
}

function checkpointCheck(vitals: Vitals, thresholds: Required<HealthOptions>): HealthCheck {
  const { checkpointAgeMs, openForMs, entriesSinceCheckpoint } = vitals
  const ageMs = checkpointAgeMs ?? openForMs
  const isJudged = entriesSinceCheckpoint >= thresholds.checkpointMinEntries
  const { checkpointAgeWarnMs, checkpointAgeFailMs } = thresholds
  const level = isJudged ? levelAbove(ageMs, checkpointAgeWarnMs, checkpointAgeFailMs) : 'ok'
  const hours = `${(ageMs / HOUR_MS).toFixed(1)} h`
  const since =
    checkpointAgeMs === undefined
      ? `There is no checkpoint, and the log has been open for ${hours}`
      : `The last checkpoint is ${hours} old`
  const advice =
    ' The next opening replays all of these, and none of their segments can go. Call checkpoint().'
  const message = `${since}; ${entriesSinceCheckpoint} records are behind it.${level === 'ok' ? '' : advice}`
  return { name: 'checkpoint-age', level, message, value: ageMs, unit: 'ms' }
}

/** A log needs a file for its next segment, and some for a snapshot. */
const FREE_FILES_WARN = 1_000
const FREE_FILES_FAIL = 100
const SEVERITY: readonly HealthLevel[] = ['ok', 'warn', 'fail']

/** Whether there is room for more: bytes, and inodes, which may run out first. */
function spaceCheck(vitals: Vitals, thresholds: Required<HealthOptions>): HealthCheck {
  const bytes = bytesCheck(vitals, thresholds)
  const { freeFiles, directory } = vitals
  const level = levelAbove(-freeFiles, -FREE_FILES_WARN, -FREE_FILES_FAIL)
  if (SEVERITY.indexOf(level) <= SEVERITY.indexOf(bytes.level)) return bytes
  const message = `Only ${freeFiles} more files can be made in ${directory}: the file system runs out of inodes (df -i). Appends are refused when the next segment cannot be made. Remove files.`
  return { ...bytes, level, message }
}

function bytesCheck({ freeBytes, directory }: Vitals, thresholds: Required<HealthOptions>): HealthCheck {
  const base = { name: 'disk-space', unit: 'bytes' } as const
  if (typeof freeBytes === 'string') {
    const message = `How much space is left in ${directory} cannot be told: ${freeBytes}. Watch it by other means.`
    return { ...base, level: 'warn', message, value: null }
  }
  const level = levelAbove(-freeBytes, -thresholds.diskFreeWarnBytes, -thresholds.diskFreeFailBytes)
  const advice =
    ' Appends are refused when it is full. Make space; a checkpoint lets go of old segments, but needs space for its snapshot first.'
  const message = `${mebibytes(freeBytes)} are free in ${directory}.${level === 'ok' ? '' : advice}`
  return { ...base, level, message, value: freeBytes }
}

function transactionCheck({ oldestTransaction }: Vitals, thresholds: Required<HealthOptions>): HealthCheck {
  const base = { name: 'open-transactions', unit: 'ms' } as const
  if (oldestTransaction === undefined)
    return { ...base, level: 'ok', message: 'No transaction is open.', value: null }
  const { id, ageMs, state, count } = oldestTransaction
  const level = levelAbove(ageMs, thresholds.transactionAgeWarnMs, thresholds.transactionAgeFailMs)
  const advice =
    state === 'prepared'
      ? ' Commit or abort it: `inDoubt` has those from before opening.'
      : ' Commit or abort it; what forgot it never will, so that only closing and opening again ends it.'
  const cost = ` The log is kept from its begin on, whatever checkpoints are taken, and one of ${MAX_OPEN_TRANSACTIONS} places is its own.`
  const message = `Transaction ${id}, the oldest of ${count} that have not ended, is ${state} for ${(ageMs / HOUR_MS).toFixed(1)} h.${level === 'ok' ? '' : cost + advice}`
  return { ...base, level, message, value: ageMs }
}

/** The slowest is the one that most of the log is behind of. */
function cursorCheck(cursors: Vitals['cursors']): HealthCheck {
  const base = { name: 'cursors', unit: 'bytes' } as const
  if (typeof cursors === 'string') {
    const message = `The cursors cannot be listed: ${cursors}. Until they can, up to ${mebibytes(DEFAULT_MAX_HELD_BYTES)} of the log are kept for them.`
    return { ...base, level: 'warn', message, value: null }
  }
  const [slowest] = cursors.toSorted(
    (a, b) => b.bytesBehind - a.bytesBehind || b.recordsBehind - a.recordsBehind,
  )
  if (slowest === undefined) return { ...base, level: 'ok', message: 'There is no cursor.', value: null }
  const { name, recordsBehind, bytesBehind, heldBytes } = slowest
  const told = `The slowest of ${cursors.length} cursors is ${name}: ${recordsBehind} records and ${mebibytes(bytesBehind)} of segments are behind it.`
  const troubles = cursors.flatMap(cursorTrouble)
  const level = troubles.length > 0 ? 'warn' : 'ok'
  return { ...base, level, message: [told, ...troubles].join(' '), value: heldBytes }
}

function cursorTrouble({ name, heldBytes, maxHeldBytes, problem }: CursorStatus): string[] {
  if (problem !== undefined) return [problem]
  if (heldBytes <= maxHeldBytes / 2) return []
  return [
    `${mebibytes(heldBytes)} are kept for ${name} alone, and more than ${mebibytes(maxHeldBytes)} (its maxHeldBytes) are let go of. Is its reader running? Drop the cursor if there is none any more.`,
  ]
}

function levelAbove(value: number, warn: number, fail: number): HealthLevel {
  if (value > fail) return 'fail'
  return value > warn ? 'warn' : 'ok'
}

const mebibytes = (bytes: number): string =>
  Number.isFinite(bytes) ? `${Math.round(bytes / MIB)} MiB` : 'No end of bytes'
