import type { SyncCount } from '../verification/trace.ts'
import type { Verdict } from '../verification/verify.ts'
import { table } from './table.ts'

/** What strace saw of each peer, and what follows from it. */
export function verdictsTable(
  verdicts: ReadonlyMap<string, Verdict>,
  versions: Readonly<Record<string, string>>,
): string {
  const lines = [...verdicts].map(([name, verdict]) => [name, versions[name] ?? '', ...cellsOf(verdict)])
  const searchers = Object.keys(versions).filter((name) => !verdicts.has(name))
  lines.push(...searchers.map((name) => [name, versions[name] ?? '', '', '', 'searches only']))
  const head = ['', 'version', 'syncs, one at a time', 'syncs, 50 in flight', 'verdict']
  const legend = 'Syncs for 50 acknowledged appends, counted by strace. Rows marked * are not power-safe.'
  return ['## peers', '', table([head, ...lines]), '', legend].join('\n')
}

function cellsOf(verdict: Verdict): string[] {
  if (verdict.kind === 'not run') return ['', '', `not run: ${verdict.reason}`]
  const { oneAtATime } = verdict
  if (verdict.kind === 'refused') return [told(oneAtATime), '', `refused: ${verdict.reason}`]
  return [told(oneAtATime), verdict.kind === 'verified' ? told(verdict.inFlight) : '', verdict.kind]
}

function told(count: SyncCount | undefined): string {
  if (!count) return ''
  const kinds = Object.entries(count.calls).map(([name, calls]) => `${calls} ${name}`)
  return kinds.length > 0 ? kinds.join(', ') : '0'
}
