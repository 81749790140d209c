/**
 * Timers and clocks that go on only when the work says so, and chance that is no chance: a run then
 * depends on nothing but its seed.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { Random } from '../../src/testing/random.ts'

const START = 1_700_000_000_000

interface Timer {
  due: number
  readonly callback: () => void
  readonly intervalMs: number | undefined
  ref(): Timer
  unref(): Timer
}

const timers = new Set<Timer>()
let now = START
let random = new Random(START)

function add(callback: () => void, delayMs: number, intervalMs: number | undefined): Timer {
  const timer: Timer = { due: now + delayMs, callback, intervalMs, ref: () => timer, unref: () => timer }
  timers.add(timer)
  return timer
}

/**
 * From here on, for all of this thread. walv keeps the clocks and timers that it finds when it is
 * loaded: it must be loaded later.
 */
export function installVirtualTime(): void {
  const clear = (timer: unknown): void => {
    timers.delete(timer as Timer)
  }
  const virtual = {
    setTimeout: (callback: () => void, delayMs = 0) => add(callback, delayMs, undefined),
    setInterval: (callback: () => void, delayMs = 0) => add(callback, delayMs, delayMs),
    clearTimeout: clear,
    clearInterval: clear,
  }
  Object.assign(globalThis, virtual)
  Object.assign(createRequire(import.meta.url)('node:timers'), virtual)
  syncBuiltinESMExports()
  Date.now = () => now
  performance.now = () => now
  Math.random = () => random.next() / 2 ** 32
}

/** A new run begins: what the last one was waiting for never happens. */
export function resetTime(): void {
  timers.clear()
  now = START
  random = new Random(START)
}

/** The time at which something happens: later than all before. */
export const tick = (): number => ++now

/** The time, which looking at it does not change. */
export const timeNow = (): number => now

/** So much time passes, and what it set off comes to rest. */
export async function passTime(durationMs: number): Promise<void> {
  const end = now + durationMs
  while (fireNext(end)) await rest()
  now = end
}

/**
 * While `work` is under way a millisecond passes with each turn of the event loop, and `look` is
 * called after it. Fails where the work takes longer than `maxMs`.
 */
export async function flow(
  maxMs: number,
  what: string,
  work: Promise<unknown>,
  look: () => void,
): Promise<void> {
  let isDone = false
  const done = (): void => {
    isDone = true
  }
  work.then(done, done)
  const end = now + maxMs
  while (!isDone) {
    if (now >= end) throw new Error(`${what} is not done after ${maxMs} ms`)
    await turn()
    const next = now + 1
    while (fireNext(next));
    now = Math.max(now, next)
    look()
  }
  await work
}

/** Fires the first timer that is due by then; false if there is none. */
function fireNext(end: number): boolean {
  const [next] = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)
  if (next === undefined) return false
  now = Math.max(now, next.due)
  if (next.intervalMs === undefined) timers.delete(next)
  else next.due += next.intervalMs
  next.callback()
  return true
}

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise(setImmediate)

const RESTING_TURNS = 30

/**
 * Lets what is under way come to its end: simulated disks answer within a few turns of the event
 * loop.
 */
export async function rest(): Promise<void> {
  for (let count = 0; count < RESTING_TURNS; count++) await turn()
}

/** Fails instead of waiting for ever: after so many turns of the event loop, the work hangs. */
export async function within<T>(maxTurns: number, what: string, work: Promise<T>): Promise<T> {
  let done = false
  const end = (): void => {
    done = true
  }
  work.then(end, end)
  for (let turns = 0; !done; turns++) {
    if (turns > maxTurns)
      throw new Error(`${what} hangs: it is not done after ${maxTurns} turns of the event loop`)
    await turn()
  }
  return work
}
