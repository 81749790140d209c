/**
 * The clock and the timers as they were when walv was loaded. A test framework that fakes them
 * later (Jest, Vitest, sinon, node:test) would otherwise stop every append, for each waits for one
 * of them.
 */
import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'

export const setTimeout: typeof timers.setTimeout = timers.setTimeout
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout
export const setInterval: typeof timers.setInterval = timers.setInterval
export const clearInterval: typeof timers.clearInterval = timers.clearInterval
export const setImmediate: typeof timers.setImmediate = timers.setImmediate

/** Before the event loop goes on, and when no promise has anything left to do. */
export const nextTick: typeof process.nextTick = process.nextTick.bind(process)

/** Never goes back; from a moment that has no meaning. */
export const monotonicMs: () => number = performance.now.bind(performance)

const SystemDate = Date
/** Milliseconds since the epoch. */
export const epochMs: () => number = Date.now
export const isoTime = (milliseconds: number): string => new SystemDate(milliseconds).toISOString()

export const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Resolves in the next turn of the event loop. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Resolves when timers that are due and what the system has answered have had their turn. Behind
 * such an answer the next turn alone begins before them.
 */
export const wholeTurn = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
