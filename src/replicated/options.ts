import { resolve } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { DEFAULT_MAX_PENDING_BYTES } from '../limits.ts'
import { DEFAULT_CLOSE_WAIT_MS, wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames, wrongKind } from '../option-names.ts'
import type { Engine } from './engine.ts'
import { DEFAULT_TIMING, type Timing } from './timing.ts'

/** What a node of a replicated log is opened with, beside its engine. */
export interface ReplicaOptions {
  /**
   * A folder for snapshots and for what this node has seen of the log. Each node has its own, also
   * on one machine. What is in it may be removed while the node does not run.
   */
  readonly cacheDirectory: string
  /** Follows, and writes nothing. Default false. */
  readonly readOnly?: boolean
  /** Bytes handed over and not acknowledged before more is made to wait. Default 64 MiB. */
  readonly maxPendingBytes?: number
  /** How long `close` waits for what was handed over. In milliseconds, default 10 000. */
  readonly closeWaitMs?: number
}

export interface ReplicatedLogOptions extends ReplicaOptions {
  /** Opens the way to the engine. Called at each opening. */
  readonly openEngine: () => Promise<Engine>
  /** What the log is called in messages, before its engine is open. */
  readonly name: string
  /**
   * A change that the engine has not taken after so long is refused with `WALV_UNAVAILABLE`. In
   * milliseconds, default 30 000.
   */
  readonly timeoutMs?: number
  /** Where the cache is. Default: the file system. */
  readonly disk?: Disk
  /** @internal For tests. */
  readonly timing?: Partial<Timing>
}

const OPTIONS: OptionNames<ReplicatedLogOptions> = {
  openEngine: true,
  name: true,
  cacheDirectory: true,
  timeoutMs: true,
  readOnly: true,
  maxPendingBytes: true,
  closeWaitMs: true,
  disk: true,
  timing: true,
}

export interface ReplicatedLogSettings {
  readonly openEngine: () => Promise<Engine>
  readonly name: string
  readonly cacheDirectory: string
  readonly readOnly: boolean
  readonly maxPendingBytes: number
  readonly closeWaitMs: number
  readonly disk: Disk
  readonly timing: Timing
}

/** @throws WALV_INVALID_OPTION */
export function replicatedLogSettings(options: ReplicatedLogOptions): ReplicatedLogSettings {
  checkOptions('replicatedLog', options, OPTIONS)
  const { openEngine, name, cacheDirectory, readOnly = false, disk = nodeDisk, timing } = options
  if (typeof openEngine !== 'function') throw wrongKind('openEngine', openEngine, 'a function')
  if (typeof name !== 'string' || name === '') throw wrongKind('name', name, 'a text that is not empty')
  if (typeof cacheDirectory !== 'string' || cacheDirectory === '')
    throw wrongKind('cacheDirectory', cacheDirectory, 'the path of a folder')
  if (typeof readOnly !== 'boolean') throw wrongKind('readOnly', readOnly, 'true or false')
  const whole = (
    option: 'timeoutMs' | 'maxPendingBytes' | 'closeWaitMs',
    by: number,
    least: number,
  ): number => wholeNumber(option, options[option] ?? by, least)
  const timeoutMs = whole('timeoutMs', DEFAULT_TIMING.timeoutMs, 1)
  return {
    openEngine,
    name,
    cacheDirectory: resolve(cacheDirectory),
    readOnly,
    maxPendingBytes: whole('maxPendingBytes', DEFAULT_MAX_PENDING_BYTES, 1),
    closeWaitMs: whole('closeWaitMs', DEFAULT_CLOSE_WAIT_MS, 0),
    disk,
    timing: { ...DEFAULT_TIMING, ...timing, timeoutMs },
  }
}
