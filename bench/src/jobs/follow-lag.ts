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

/** Changes by which the reader is asked how far it is, with the time of their acknowledgement. */
type Probes = readonly (readonly [number: number, acknowledgedAt: number])[]

/** Every so manieth change sets this id. */
const PROBE = 'probe'
const PROBE_EVERY = 16
const TELL_MS = 50
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

/** In milliseconds; the same in all processes of a machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Writes at full speed, until it is killed. */
export async function followedWriter(job: FollowLagJob): Promise<Metrics> {
  const index = await open(job, {})
  const records = new Records(IDS, job.dimensions, { haveMetadata: true })
  let count = 0
  let probes: (readonly [number, number])[] = []
  const caller = async (): Promise<never> => {
    for (;;) {
      const number = count++
      const n = number % IDS
      if (number % PROBE_EVERY !== 0) {
        await index.upsert(records.ids[n]!, records.vector(n), records.metadata(n)!)
        continue
      }
      await index.upsert(PROBE, records.vector(n), { number })
      probes.push([number, now()])
    }
  }
  for (let each = 0; each < job.inFlight; each++) void caller()
  for (;;) {
    await pause(TELL_MS)
    tellKiller(probes satisfies Probes)
    probes = []
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
      for (const [number, at] of (await writer.next()) as Probes) acknowledged.set(number, at)
    }
  })().catch(() => {})
  while (acknowledged.size === 0) await pause(10)
  const index = await open(job, { follow: true })
  await pause(SETTLE_MS)
  const shown = new Map<number, number>()
  const numberHere = (): number =>
    (index.get(PROBE)?.metadata as { number: number } | undefined)?.number ?? -1
  let last = numberHere()
  const cpu = process.cpuUsage()
  const [began, before] = [now(), last]
  for (const end = began + job.durationMs; now() < end; await pause(1)) last = note(shown, last, numberHere())
  const { user, system } = process.cpuUsage(cpu)
  const changes = last - before
  const rate = (1000 * changes) / (now() - began)
  await pause(2 * TELL_MS)
  isOver = true
  await writer.kill()
  await reading
  await index.close()
  return { ...lagsOf(shown, acknowledged), rate, readerCpuUs: (user + system) / changes }
}

/** A reader that shows a change shows all before it, too. */
function note(shown: Map<number, number>, last: number, number: number): number {
  const at = now()
  for (let n = last + PROBE_EVERY; n <= number; n += PROBE_EVERY) shown.set(n, at)
  return number
}

function lagsOf(shown: ReadonlyMap<number, number>, acknowledged: ReadonlyMap<number, number>): Metrics {
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
