/** Measures walv against the disk and against its peers. `npm run bench -- --help` tells how. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from './machine.ts'
import { type Options, optionsOf, USAGE } from './options.ts'
import {
  type AnyPeerName,
  loadPeer,
  PEERS,
  type PeerName,
  peerModule,
  SEARCHERS,
  versionOf,
} from './peers/registry.ts'
import { goalResults, goalsTable } from './report/goals.ts'
import { type Plot, plotsOf } from './report/plots.ts'
import { resultsTable } from './report/results.ts'
import { verdictsTable } from './report/verdicts.ts'
import { type Row, runScenario } from './run.ts'
import type { Scenario, Settings } from './scenario.ts'
import { SCENARIOS } from './scenarios/registry.ts'
import { type Verdict, verify } from './verification/verify.ts'

const ALWAYS = ['walv', 'walv-transactions', 'durable-index', 'raw', 'raw-async']

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) return console.log(USAGE)
  const options = optionsOf(args)
  const scenarios = scenariosOf(options)
  const settings: Settings = settingsOf(options)
  const peers = peersOf(options, scenarios, settings)
  const directory = ownFolder(options.directory)
  const about = machine(directory)
  const versions = Object.fromEntries(peers.map((peer) => [peer, versionOf(peer)]))
  console.log(Object.values(about).join(' · '))
  if (/tmpfs|ramfs/.test(about.fileSystem))
    console.log('WARNING: the files are in memory; no durable figure means anything.')

  const verdicts = await verifyAll(peers.filter(appends), directory)
  console.log(`\n${verdictsTable(verdicts, versions)}\n`)
  const rows: Row[] = []
  for (const scenario of scenarios) {
    const { repetitions } = options
    const found = await runScenario(scenario, {
      directory,
      repetitions,
      settings,
      peers: new Set(peers),
      verdicts,
      tell,
    })
    rows.push(...found)
    tell('')
    console.log(`${resultsTable(scenario, found, settings)}\n`)
    if (options.svg) writePlots(options.svg, plotsOf(scenario, found))
  }
  const goals = goalResults(rows)
  console.log(goalsTable(goals))
  if (options.json) {
    const all = { machine: about, options, versions, verdicts: Object.fromEntries(verdicts), rows, goals }
    writeFileSync(options.json, `${JSON.stringify(all, undefined, 1)}\n`)
  }
}

const MIB = 1024 * 1024

const settingsOf = ({ quick }: Options): Settings =>
  quick
    ? { quick, warmUpMs: 200, durationMs: 400, touchedBytes: 256 * MIB }
    : { quick, warmUpMs: 300, durationMs: 1000, touchedBytes: 2048 * MIB }

/** A folder that goes when the process does. */
function ownFolder(parent: string): string {
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(join(parent, 'bench-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return directory
}

function writePlots(directory: string, plots: readonly Plot[]): void {
  mkdirSync(directory, { recursive: true })
  for (const { file, svg } of plots) writeFileSync(join(directory, file), svg)
}

function scenariosOf({ only, quick }: Options): Scenario[] {
  const isNamed = ({ name, group }: Scenario, given: string): boolean => name === given || group === given
  const unknown = only?.find((given) => !SCENARIOS.some((scenario) => isNamed(scenario, given)))
  if (unknown) {
    const names = new Set(SCENARIOS.flatMap(({ name, group }) => [name, ...(group ? [group] : [])]))
    throw new Error(`There is no scenario ${unknown}. There are: ${[...names]}`)
  }
  return SCENARIOS.filter((scenario) =>
    only ? only.some((given) => isNamed(scenario, given)) : !(quick && scenario.isLong),
  )
}

/** Those that have a part in what is run. */
function peersOf({ peers }: Options, scenarios: readonly Scenario[], settings: Settings): AnyPeerName[] {
  const all = Object.keys({ ...PEERS, ...SEARCHERS }) as AnyPeerName[]
  const unknown = peers?.find((name) => !all.includes(name as AnyPeerName))
  if (unknown) throw new Error(`There is no peer ${unknown}. There are: ${all}`)
  const used = new Set(
    scenarios
      .flatMap((scenario) => scenario.variants(settings))
      .flatMap(({ contestants }) => contestants.map(({ peer }) => peer)),
  )
  return all.filter((name) => used.has(name) && (!peers || peers.includes(name) || ALWAYS.includes(name)))
}

const appends = (name: AnyPeerName): name is PeerName => name in PEERS

async function verifyAll(peers: readonly PeerName[], directory: string): Promise<Map<PeerName, Verdict>> {
  const verdicts = new Map<PeerName, Verdict>()
  for (const name of peers) {
    tell(`verifying ${name}`)
    verdicts.set(name, await verdictOf(name, directory))
  }
  tell('')
  return verdicts
}

async function verdictOf(name: PeerName, directory: string): Promise<Verdict> {
  try {
    const { claimsPowerSafety } = await loadPeer(name)
    return await verify({ moduleUrl: peerModule(name), claimsPowerSafety }, directory)
  } catch (error) {
    return {
      kind: 'not run',
      reason: (error as Error).message.split('\n')[0]!.replace(/ imported from .*/, ''),
    }
  }
}

/** Overwrites one line, where there is a terminal. */
function tell(progress: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${progress}`)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}
