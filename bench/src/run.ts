import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Job, Metrics, Paired } from './job.ts'
import { probe } from './probe.ts'
import type { Contestant, Scenario, Settings, Variant } from './scenario.ts'
import type { Verdict } from './verification/verify.ts'

/**
 * All repetitions of one contestant. Without `failure` there is one element for each repetition.
 */
export interface Row {
  readonly scenario: string
  readonly variant: string
  readonly at?: Variant['at']
  readonly contestant: string
  readonly peer: string
  /** What it acknowledges may not survive a power cut. */
  readonly isMarked: boolean
  readonly measured: Metrics[]
  /** Why there is no number. */
  failure?: string
}

export interface RunOptions {
  readonly directory: string
  readonly repetitions: number
  readonly settings: Settings
  readonly peers: ReadonlySet<string>
  readonly verdicts: ReadonlyMap<string, Verdict>
  readonly tell: (progress: string) => void
}

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
const TIMEOUT_MS = 900_000

/**
 * Runs a scenario: every repetition of every contestant in a fresh process, contestants in turn,
 * each time beginning with another.
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Row[]> {
  const rows: Row[] = []
  for (const variant of scenario.variants(options.settings))
    rows.push(...(await runVariant(scenario, variant, options)))
  return rows
}

async function runVariant(scenario: Scenario, variant: Variant, options: RunOptions): Promise<Row[]> {
  const entrants = variant.contestants
    .filter(({ peer }) => options.peers.has(peer))
    .map((contestant) => ({ contestant, row: newRow(scenario, variant, contestant, options.verdicts) }))
  const repetitions = scenario.isOnce ? 1 : options.repetitions
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const tell = (what: string): void =>
      options.tell(`${scenario.name}, ${variant.label}: ${repetition + 1} of ${repetitions}, ${what}`)
    const parent = fresh(options.directory)
    await runRepetition(variant, inTurn(entrants, repetition), parent, options.settings.touchedBytes, tell)
    // Not before: to free blocks keeps a disk busy for a while, and whoever comes next would pay
    // for it.
    rmSync(parent, { recursive: true, force: true })
    await settle(options.directory)
  }
  return entrants.map(({ row }) => row)
}

interface Entrant {
  readonly contestant: Contestant
  readonly row: Row
}

async function runRepetition(
  variant: Variant,
  entrants: readonly Entrant[],
  parent: string,
  touchedBytes: number,
  tell: (what: string) => void,
): Promise<void> {
  const shared = variant.prepare && fresh(parent)
  let prepared: Metrics | undefined
  let first: Metrics | undefined
  try {
    tell('preparing')
    if (variant.prepare) prepared = await runChild(jobOf(variant.prepare, { directory: shared }))
  } catch (error) {
    for (const { row } of entrants) row.failure ??= `not run: ${(error as Error).message}`
  }
  for (const { contestant, row } of entrants) {
    if (row.failure !== undefined) continue
    tell(contestant.label)
    try {
      const paired = contestant.isPaired ? pairOf(first) : undefined
      const { peer } = contestant
      const before = probe(touchedBytes)
      const measured = await runChild(
        jobOf(contestant.job, { peer, directory: shared ?? fresh(parent), prepared, paired }),
        contestant.nodeOptions,
      )
      row.measured.push({ ...derived(measured), ...before })
      if (contestant === variant.contestants[0]) first = measured
    } catch (error) {
      row.failure = `not run: ${(error as Error).message}`
    }
    await settle(parent)
  }
}

/** What scenarios write is plain data, and gets here what only the runner knows. */
const jobOf = (job: Omit<Job, 'peer' | 'directory'>, more: object): Job =>
  ({ ...job, ...more }) as unknown as Job

/** The paired ones stay right behind the first, in both orders. */
function inTurn(entrants: readonly Entrant[], repetition: number): Entrant[] {
  const paired = entrants.filter(({ contestant }) => contestant.isPaired)
  if (repetition % 2 === 1) paired.reverse()
  const others = entrants.filter(({ contestant }) => !contestant.isPaired)
  const shift = others.length === 0 ? 0 : repetition % others.length
  const turned = [...others.slice(shift), ...others.slice(0, shift)]
  return turned.flatMap((entrant) => (entrant === others[0] ? [entrant, ...paired] : [entrant]))
}

function newRow(
  scenario: Scenario,
  variant: Variant,
  contestant: Contestant,
  verdicts: ReadonlyMap<string, Verdict>,
): Row {
  const { durability = 'commit' } = contestant
  const verdict = durability === 'none' ? undefined : verdicts.get(contestant.peer)
  const isRefused = verdict?.kind === 'refused' || verdict?.kind === 'not run'
  return {
    scenario: scenario.name,
    variant: variant.label,
    ...(variant.at && { at: variant.at }),
    contestant: contestant.label,
    peer: contestant.peer,
    isMarked: durability === 'weaker' || verdict?.kind === 'not power-safe',
    measured: [],
    ...(isRefused && { failure: `${verdict.kind}: ${verdict.reason}` }),
  }
}

function pairOf(first: Metrics | undefined): Paired {
  if (!first) throw new Error('walv was not measured')
  const { groups, syncs, bytesWritten, records } = first as unknown as Paired
  return { groups, syncs, bytesWritten, records }
}

function derived(metrics: Metrics): Metrics {
  const { records, syncs } = metrics
  return typeof records === 'number' && typeof syncs === 'number' && syncs > 0
    ? { ...metrics, recordsPerSync: records / syncs }
    : metrics
}

function fresh(parent: string): string {
  mkdirSync(parent, { recursive: true })
  return mkdtempSync(join(parent, 'run-'))
}

/** What one leaves in the system's memory is not to slow down the next. */
async function settle(directory: string): Promise<void> {
  await promisify(execFile)('sync', ['-f', directory]).catch(() => {})
}

/** @throws with the child's own last words, if it fails. */
async function runChild(job: Job, nodeOptions: readonly string[] = []): Promise<Metrics> {
  const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 } as const
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...nodeOptions, CHILD, JSON.stringify(job)],
      options,
    )
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Metrics
  } catch (error) {
    throw new Error(lastWords(error as Error & { stderr?: string; killed?: boolean }))
  }
}

function lastWords(error: Error & { stderr?: string; killed?: boolean }): string {
  if (error.killed) return `took more than ${TIMEOUT_MS / 1000} s`
  const said = error.stderr?.trimEnd().split('\n').at(-1)
  return (said || error.message.split('\n')[0] || 'unknown').trim().slice(0, 160)
}
