// Draws the pictures of the README and of the documentation's first page, from what was measured
// and printed:
//
//   docs/pictures/inserts.svg  from bench/results/durable-index.json
//   docs/pictures/steps.svg    a record's way, from the words in scripts/pictures/steps.mjs
//   docs/pictures/demo.svg     from docs/pictures/demo.txt, what the demo printed on a terminal
//
// `--check` writes nothing and fails where a picture is not what would be drawn.
// `--bench FILE` first takes what it needs of a new run, of
// `npm run bench -- --only durable-index --json FILE`.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { inserts } from './pictures/inserts.mjs'
import { steps } from './pictures/steps.mjs'
import { terminal } from './pictures/terminal.mjs'

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const RESULTS = at('bench/results/durable-index.json')

const { values: options } = parseArgs({ options: { check: { type: 'boolean' }, bench: { type: 'string' } } })
if (options.bench !== undefined) keepResults(options.bench)
const pictures = {
  'docs/pictures/inserts.svg': inserts(JSON.parse(readFileSync(RESULTS, 'utf8'))),
  'docs/pictures/steps.svg': steps(),
  'docs/pictures/demo.svg': terminal(readFileSync(at('docs/pictures/demo.txt'), 'utf8')),
}
for (const [path, svg] of Object.entries(pictures)) {
  if (!options.check) writeFileSync(at(path), svg)
  else if (readFileSync(at(path), 'utf8') !== svg) {
    console.error(`${path} is not what is drawn now. Draw it with: node scripts/draw-pictures.mjs`)
    process.exitCode = 1
  }
}

/** What the chart tells, and what says where it comes from; no path of the machine. */
function keepResults(file) {
  const { machine, options, versions, verdicts, rows } = JSON.parse(readFileSync(file, 'utf8'))
  const { cpu, cores, memoryGb, system, node, fileSystem, date } = machine
  const kept = {
    command: `npm run bench -- --only durable-index --repetitions ${options.repetitions}`,
    machine: {
      cpu,
      cores,
      memoryGb,
      system: /^\S+ \d+\.\d+/.exec(system)[0],
      node,
      fileSystem,
      date: date.slice(0, 10),
    },
    versions: Object.fromEntries(['walv', 'lmdb'].map((name) => [name, versions[name]])),
    /** Acknowledgements one at a time that no sync came before. */
    unsynced: Object.fromEntries(
      ['durable-index', 'walv', 'lmdb'].map((name) => [name, verdicts[name].oneAtATime.unsynced]),
    ),
    rows: rows
      .filter(({ scenario }) => scenario === 'durable-index')
      .map(({ variant, peer, measured }) => ({
        variant,
        peer,
        perSecond: measured.map(({ rate }) => Math.round(rate)),
      })),
  }
  writeFileSync(RESULTS, `${JSON.stringify(kept, null, 2)}\n`)
  execFileSync('npx', ['biome', 'format', '--write', RESULTS], { stdio: 'ignore' })
}
