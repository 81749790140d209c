/** Timers and clocks that go on only when the work says so: a run then depends on nothing but its seed. */

const START = 1_700_000_000_000

interface Timer {
  due: number
  readonly callback: () => void
  readonly intervalMs: number | undefined
  unref(): Timer
}

const timers = new Set<Timer>()
let now = START

function add(callback: () => void, delayMs: number, intervalMs: number | undefined): Timer {
  const timer: Timer = { due: now + delayMs, callback, intervalMs, unref: () => timer }
  timers.add(timer)
  return timer
}

/** From here on, for all of this thread. */
export function installVirtualTime(): void {
  const clear = (timer: unknown): void => {
    timers.delete(timer as Timer)
  }
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, delayMs = 0) => add(callback, delayMs, undefined),
    setInterval: (callback: () => void, delayMs = 0) => add(callback, delayMs, delayMs),
    clearTimeout: clear,
    clearInterval: clear,
  })
  Date.now = () => now
}

/** A new run begins: what the last one was waiting for never happens. */
export function resetTime(): void {
  timers.clear()
  now = START
}

/** The time at which something happens: later than all before. */
export const tick = (): number => ++now

/** So much time passes, and what it set off comes to rest. */
export async function passTime(durationMs: number): Promise<void> {
  const end = now + durationMs
  for (;;) {
    const [next] = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)
    if (next === undefined) break
    now = Math.max(now, next.due)
    if (next.intervalMs === undefined) timers.delete(next)
    else next.due += next.intervalMs
    next.callback()
    await rest()
  }
  now = end
}

const RESTING_TURNS = 30

/** Lets what is under way come to its end: simulated disks answer within a few turns of the event loop. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < RESTING_TURNS; turn++) await new Promise(setImmediate)
}

/** Fails instead of waiting for ever: after so many turns of the event loop, the work hangs. */
export async function within<T>(maxTurns: number, what: string, work: Promise<T>): Promise<T> {
  let done = false
  const end = (): void => {
    done = true
  }
  work.then(end, end)
  for (let turn = 0; !done; turn++) {
    if (turn > maxTurns) throw new Error(`${what} hangs: it is not done after ${maxTurns} turns of the event loop`)
    await new Promise(setImmediate)
  }
  return work
}
