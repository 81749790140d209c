import { execFile } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { countInTrace, MARK_CALLS, SYNC_CALLS, type SyncCount, WRITE_CALLS } from './trace.ts'

const APPENDS = 50
const TIMEOUT_MS = 60_000
const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
const CALLS = [...SYNC_CALLS, ...WRITE_CALLS, ...MARK_CALLS, 'sync_file_range', 'open', 'openat', 'close']

/** What may be said of a peer's durable figures. */
export type Verdict =
  | { readonly kind: 'verified'; readonly oneAtATime: SyncCount; readonly inFlight: SyncCount }
  | { readonly kind: 'not power-safe'; readonly oneAtATime: SyncCount }
  | { readonly kind: 'refused'; readonly reason: string; readonly oneAtATime?: SyncCount }
  | { readonly kind: 'not run'; readonly reason: string }

/**
 * Runs a peer under strace and counts. One that claims power safety is refused if one of its
 * appends, one at a time, was acknowledged without a sync of its own. Its syncs with many in flight
 * are counted to be told.
 */
export async function verify(
  peer: { readonly moduleUrl: string; readonly claimsPowerSafety: boolean },
  parent: string,
  strace = 'strace',
): Promise<Verdict> {
  const oneAtATime = await countSyncs(peer.moduleUrl, parent, 1, strace)
  if (typeof oneAtATime === 'string') return { kind: 'refused', reason: oneAtATime }
  if (!peer.claimsPowerSafety) return { kind: 'not power-safe', oneAtATime }
  if (oneAtATime.appends !== APPENDS)
    return { kind: 'refused', reason: `${oneAtATime.appends} of ${APPENDS} appends seen`, oneAtATime }
  if (oneAtATime.syncs === 0) return { kind: 'refused', reason: 'no sync seen', oneAtATime }
  if (oneAtATime.unsynced > 0 || oneAtATime.syncs < APPENDS) {
    const reason = `${oneAtATime.unsynced} of ${APPENDS} appends acknowledged without a sync`
    return { kind: 'refused', reason, oneAtATime }
  }
  const inFlight = await countSyncs(peer.moduleUrl, parent, APPENDS, strace)
  if (typeof inFlight === 'string') return { kind: 'refused', reason: inFlight, oneAtATime }
  return inFlight.syncs > 0
    ? { kind: 'verified', oneAtATime, inFlight }
    : { kind: 'refused', reason: 'no sync seen with many in flight', oneAtATime }
}

/** The counts, or why there are none. */
async function countSyncs(
  moduleUrl: string,
  parent: string,
  inFlight: number,
  strace: string,
): Promise<SyncCount | string> {
  const directory = await realpath(await mkdtemp(join(parent, 'verify-')))
  const trace = `${directory}.trace`
  const traced = [
    '-f',
    '-y',
    '-qq',
    '-e',
    'signal=none',
    '-e',
    `trace=${CALLS.map((call) => `?${call}`)}`,
    '-o',
    trace,
  ]
  const command = [process.execPath, CHILD, moduleUrl, directory, String(APPENDS), String(inFlight)]
  try {
    await promisify(execFile)(strace, [...traced, ...command], { timeout: TIMEOUT_MS })
    return countInTrace(await readFile(trace, 'utf8'), directory)
  } catch (error) {
    return `cannot be verified: ${firstLine(error as Error & { stderr?: string })}`
  } finally {
    await rm(directory, { recursive: true, force: true })
    await rm(trace, { force: true })
  }
}

function firstLine(error: Error & { stderr?: string }): string {
  const told = error.stderr?.split('\n').find((line) => /error|strace/i.test(line))
  return (told ?? error.message.split('\n')[0] ?? 'unknown').trim()
}
