import type { Log } from '../../log/log.ts'
import { dataEntries } from './unit.ts'

/**
 * Reads changes back from the log, as an opening will, and tells how long that took. What else the
 * process does meanwhile is counted, too: it is rather too long than too short.
 */
export async function tryReading(
  log: Log,
  atMost: number,
  now: () => number,
): Promise<{ readonly changes: number; readonly ms: number }> {
  const after = log.lastCheckpoint?.sequenceNumber
  const began = now()
  let changes = 0
  for await (const { entries } of log.replay({ after, borrow: true })) {
    for (const _ of dataEntries(entries)) changes++
    if (changes >= atMost) break
  }
  return { changes: Math.max(1, changes), ms: now() - began }
}
