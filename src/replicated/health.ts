import { monotonicMs } from '../clock.ts'
import type { WalError } from '../errors.ts'
import {
  type Health,
  type HealthCheck,
  type HealthOptions,
  healthOf,
  poisonCheck,
  thresholdsOf,
} from '../log/health.ts'
import type { EngineLink } from './link.ts'

/** An engine that is silent for so long is told as gone. */
const SILENT_WARN_MS = 5_000
const SILENT_FAIL_MS = 30_000
const BEHIND_WARN = 1_000
/** Clocks that are so far apart make times of records meaningless, and keys expire too early. */
const CLOCK_WARN_MS = 10_000
const CLOCK_FAIL_MS = 600_000

/** What a node's health is judged by. */
export interface NodeVitals {
  readonly link: EngineLink
  readonly broken: WalError | undefined
  /** The last message that was taken here. */
  readonly place: number
  readonly clockAheadMs: number
  readonly waiting: number
}

/** @throws WALV_INVALID_OPTION */
export function healthOfNode(vitals: NodeVitals, options: HealthOptions = {}): Health {
  thresholdsOf(options)
  return healthOf([poisonCheck(vitals.broken), engineCheck(vitals), clockCheck(vitals)])
}

function engineCheck({ link, place, waiting }: NodeVitals): HealthCheck {
  const silentMs = monotonicMs() - link.heardAtMs
  const behind = Math.max(0, link.last - place)
  const seconds = Math.round(silentMs / 1000)
  const base = { name: 'engine', value: silentMs, unit: 'ms' } as const
  const why = link.lastError instanceof Error ? `: ${link.lastError.message}` : ''
  if (silentMs > SILENT_WARN_MS) {
    const message = `The engine (${link.name}) has not answered for ${seconds} s${why} Searches show what was there then; ${waiting} changes wait. Is it running, has it a quorum, and can this node reach it?`
    return { ...base, level: silentMs > SILENT_FAIL_MS ? 'fail' : 'warn', message }
  }
  if (behind > BEHIND_WARN) {
    const message = `This node is ${behind} messages behind the end of the log in ${link.name}. Is it busy, or has it just begun?`
    return { ...base, level: 'warn', message }
  }
  return {
    ...base,
    level: 'ok',
    message: `The engine (${link.name}) answers; this node is ${behind} messages behind.`,
  }
}

function clockCheck({ clockAheadMs }: NodeVitals): HealthCheck {
  const apartMs = Math.abs(clockAheadMs)
  const base = { name: 'clock', value: clockAheadMs, unit: 'ms' } as const
  // What was written long ago and is read now looks as if its clock was behind.
  if (clockAheadMs <= CLOCK_WARN_MS)
    return { ...base, level: 'ok', message: 'No clock of a writer is ahead of the one here.' }
  const message = `The clock of a node that writes is ${Math.round(apartMs / 1000)} s ahead of the one here. Times of records follow the one that is furthest ahead, so that idempotency keys are forgotten too early. Set the clocks (NTP).`
  return { ...base, level: clockAheadMs > CLOCK_FAIL_MS ? 'fail' : 'warn', message }
}
