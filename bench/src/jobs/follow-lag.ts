import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { Records } from '../records.ts'
import { startVictim, tellKiller } from '../victim.ts'

export interface FollowLagJob extends Job {
  readonly inFlight: number
  readonly durationMs: number
  /** Of the reader: read-only beside the writer, or a process that shares the directory. */
  readonly how: 'follow' | 'share'
}

/** A change by which the reader is asked how far it is; and when it was acknowledged. */
interface Probe {
  readonly number: number
  readonly acknowledgedAt: number
}

const PROBE = 'probe'
const PROBE_INTERVAL_MS = 10
const SETTLE_MS = 1_000
/** Ids that are set over and over: the index does not grow while it is measured. */
const IDS = 2_000

const open = (job: FollowLagJob, options: { follow?: boolean }): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    ...(job.how === 'share' ? { share: true } : options),
    ...(!options.follow && { checkpointIntervalEntries: false }),
  })

/** The same in all processes of a machine. */
const now = (): number => performance.timeOrigin + performance.now()

/** Writes at full speed, and a probe now and then, until it is killed. */
export async function followedWriter(job: FollowLagJob): Promise<Metrics> {
  const index = await open(job, {})
  const records = new Records(IDS, job.dimensions, { haveMetadata: true })
  let count = 0
  const caller = async (): Promise<never> => {
    for (;;) {
      const n = count++ % IDS
      await index.upsert(records.ids[n]!, records.vector(n), records.metadata(n)!)
    }
  }
  for (let each = 0; each < job.inFlight; each++) void caller()
  for (let number = 0; ; number++) {
    await index.upsert(PROBE, records.vector(0), { number })
    tellKiller({ number, acknowledgedAt: now() } satisfies Probe)
    await pause(PROBE_INTERVAL_MS)
  }
}

/**
 * How long after the writer's acknowledgement a reader in another process shows a change, under
 * full load.
 */
export async function followLag(job: FollowLagJob): Promise<Metrics> {
  const writer = startVictim({ ...job, kind: 'followed-writer' })
  const acknowledged = new Map<number, number>()
  let isOver = false
  const reading = (async () => {
    while (!isOver) {
      const { number, acknowledgedAt } = (await writer.next()) as Probe
      acknowledged.set(number, acknowledgedAt)
    }
  })().catch(() => {})
  while (acknowledged.size === 0) await pause(10)
  const index = await open(job, { follow: true })
  await pause(SETTLE_MS)
  const shown = new Map<number, number>()
  const numberHere = (): number =>
    (index.get(PROBE)?.metadata as { number: number } | undefined)?.number ?? -1
  const first = numberHere() + 1
  for (const end = now() + job.durationMs; now() < end; await pause(1)) note(shown, numberHere(), first)
  isOver = true
  await writer.kill()
  await reading
  await index.close()
  return figuresOf(shown, acknowledged)
}

/** A reader that shows a change shows all before it, too. */
function note(shown: Map<number, number>, number: number, first: number): void {
  const at = now()
  for (let n = number; n >= first && !shown.has(n); n--) shown.set(n, at)
}

function figuresOf(shown: ReadonlyMap<number, number>, acknowledged: ReadonlyMap<number, number>): Metrics {
  const lags = [...shown]
    .flatMap(([number, at]) => {
      const from = acknowledged.get(number)
      // A reader may be told before the caller is.
      return from === undefined ? [] : [Math.max(0, at - from)]
    })
    .toSorted((a, b) => a - b)
  if (lags.length === 0) throw new Error('the reader has shown nothing')
  const at = (share: number): number => lags[Math.min(lags.length - 1, Math.floor(share * lags.length))]!
  return { medianMs: at(0.5), p99Ms: at(0.99), longestMs: lags.at(-1)!, probes: lags.length }
}
