/**
 * What the runtime lets be asked of the machine: Deno has a permission for each of it.
 */
import { hostname, uptime } from 'node:os'

/** Undefined where it may not be asked. */
export const machineName = (): string | undefined => permitted(hostname)

/** For how long the machine runs; undefined where it may not be asked. */
export const uptimeSeconds = (): number | undefined => permitted(uptime)

function permitted<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}
