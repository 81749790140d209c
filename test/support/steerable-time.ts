/**
 * Lets a test steer the clocks and timers of walv by `t.mock`, though `src/clock.ts` keeps those
 * that it finds when it is loaded: it finds ones that look up at each call what there is then. To
 * be imported before anything of `src`.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'

const timers = createRequire(import.meta.url)('node:timers')
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval'] as const)
  timers[name] = (...given: unknown[]) => (globalThis[name] as (...given: unknown[]) => unknown)(...given)
syncBuiltinESMExports()

/** Calls what a test has put in its own place, or what was there before. */
function replaceable(clock: { now(): number }): void {
  const system = clock.now.bind(clock)
  const now = (): number => (clock.now === now ? system() : clock.now())
  clock.now = now
}

replaceable(Date)
replaceable(performance)
