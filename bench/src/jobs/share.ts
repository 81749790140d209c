import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { Records } from '../records.ts'
import { startVictim, tellKiller, type Victim } from '../victim.ts'

export interface ShareJob extends Job {
  readonly processes: number
  /** Of all processes together. */
  readonly inFlight: number
  readonly durationMs: number
}

/** How often a process says how far it is. */
const TELL_MS = 50
/** Until all have run for a while. */
const SETTLE_MS = 1_500
/** Ids that each process sets, over and over: the index does not grow while it is measured. */
const IDS = 2_000

/** How many changes a process has had acknowledged by a moment, and what processor time it took. */
interface Progress {
  readonly at: number
  readonly count: number
  readonly cpuUs: number
  readonly role: DurableIndex['role']
}

/** What one has done meanwhile. */
type Part = Pick<Progress, 'count' | 'cpuUs' | 'role'>

const openShared = (directory: string, dimensions: number): Promise<DurableIndex> =>
  DurableIndex.open({
    directory,
    index: flat({ dimensions }),
    share: true,
    checkpointIntervalEntries: false,
  })

/** Sets ids of its own for ever, so many at a time; `count` counts them. */
function keepSetting(index: DurableIndex, job: Job, name: string, inFlight: number): { count: number } {
  const records = new Records(IDS, job.dimensions, { haveMetadata: true })
  const progress = { count: 0 }
  const caller = async (): Promise<never> => {
    for (let n = 0; ; n++) {
      await index.upsert(`${name}-${n % IDS}`, records.vector(n), records.metadata(n)!)
      progress.count++
    }
  }
  for (let each = 0; each < inFlight; each++) void caller()
  return progress
}

/** One of the processes, until it is killed. */
export async function shareMember(job: ShareJob & { readonly name: string }): Promise<Metrics> {
  const index = await openShared(job.directory, job.dimensions)
  const progress = keepSetting(index, job, job.name, Math.ceil(job.inFlight / job.processes))
  for (;;) {
    const { user, system } = process.cpuUsage()
    const { role } = index
    tellKiller({ at: Date.now(), count: progress.count, cpuUs: user + system, role } satisfies Progress)
    await pause(TELL_MS)
  }
}

/** What several processes that share a directory have acknowledged a second, all together. */
export async function share(job: ShareJob): Promise<Metrics> {
  const members = Array.from({ length: job.processes }, (_, number) =>
    startVictim({ ...job, kind: 'share-member', name: `process-${number}` }),
  )
  for (const member of members) await member.next()
  await pause(SETTLE_MS)
  const from = Date.now()
  await pause(job.durationMs)
  const through = Date.now()
  await pause(2 * TELL_MS)
  const parts = await Promise.all(members.map((member) => partBetween(member, from, through)))
  const records = parts.reduce((sum, { count }) => sum + count, 0)
  return {
    records,
    rate: (1000 * records) / (through - from),
    leastOfOne: Math.min(...parts.map(({ count }) => count)),
    leaderCpuUs: cpuOf(parts, 'leader') / records,
    memberCpuUs: cpuOf(parts, 'member') / records,
  }
}

/** Of one of them: each of them reads and applies all changes. */
function cpuOf(parts: readonly Part[], role: Part['role']): number {
  const those = parts.filter((part) => part.role === role)
  return those.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / Math.max(1, those.length)
}

async function partBetween(member: Victim, from: number, through: number): Promise<Part> {
  let first: Progress | undefined
  let last: Progress | undefined
  while (last === undefined || last.at < through) {
    last = (await member.next()) as Progress
    if (first === undefined || last.at <= from) first = last
  }
  await member.kill()
  const { count, cpuUs, role } = last
  return { count: count - first!.count, cpuUs: cpuUs - first!.cpuUs, role }
}

export interface TakeoverJob extends Job {
  readonly kills: number
}

/** Leads, with one change after the other, until it is killed. */
export async function shareLeader(job: Job): Promise<Metrics> {
  const index = await openShared(job.directory, job.dimensions)
  keepSetting(index, job, 'leader', 16)
  await pause(SETTLE_MS)
  tellKiller({ role: index.role })
  for (;;) await pause(60_000)
}

/**
 * How long a member's change takes that is called when the leader is killed: somebody has to take
 * the lead first.
 */
export async function takeover(job: TakeoverJob): Promise<Metrics> {
  const waits: number[] = []
  for (let kill = 0; kill < job.kills; kill++) {
    const leader = startVictim({ ...job, kind: 'share-leader' })
    const { role } = (await leader.next()) as { readonly role: string }
    if (role !== 'leader') throw new Error(`the first process is a ${role}`)
    const member = await openShared(job.directory, job.dimensions)
    await member.upsert('mine', new Float32Array(job.dimensions).fill(1))
    const killed = leader.kill()
    const start = performance.now()
    await member.upsert('mine', new Float32Array(job.dimensions).fill(2))
    waits.push(performance.now() - start)
    await killed
    if (member.role !== 'leader') throw new Error('nobody else could have taken the lead')
    await member.close()
  }
  const sorted = waits.toSorted((a, b) => a - b)
  return { kills: job.kills, ms: sorted[sorted.length >> 1], longestMs: sorted.at(-1)! }
}
