/**
 * `npm run torture -- --rounds 2000 [--seed N] [--graphs] [--keep]`, and
 * `npm run torture -- --share [--processes 16] [--kills 1000] [--seed N] [--restart-at-once]`
 */
import { parseArgs } from 'node:util'
import { tortureShared } from './share/torture.ts'
import { PHASES, torture } from './torture.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    keep: { type: 'boolean', default: false },
    graphs: { type: 'boolean', default: false },
    share: { type: 'boolean', default: false },
    processes: { type: 'string', default: '16' },
    kills: { type: 'string', default: '1000' },
    'restart-at-once': { type: 'boolean', default: false },
  },
})
// So that an interrupted run cleans up.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const seed = Number(values.seed)
console.log(`seed ${seed}`)
if (values.share) await killLeaders()
else await killWriters()

async function killLeaders(): Promise<void> {
  const { processes, kills } = values
  const figures = await tortureShared({
    seed,
    processes: Number(processes),
    kills: Number(kills),
    checkpointEvery: 2_000,
    restartsAtOnce: values['restart-at-once'],
    onKill: (count) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${count}`)
    },
  })
  const { median, p99, longest } = figures.gapMs
  console.log(`kills ${figures.kills} in ${(figures.durationMs / 1000).toFixed(0)} s`)
  console.log(
    `from a kill to the next answer, ms: median ${median.toFixed(0)} · p99 ${p99.toFixed(0)} · longest ${longest.toFixed(0)}`,
  )
  console.log(`acknowledged ${figures.acknowledged} · histories ${figures.histories} · lost 0 · twice 0`)
}

async function killWriters(): Promise<void> {
  const figures = await torture({
    rounds: Number(values.rounds),
    seed,
    keep: values.keep,
    graphs: values.graphs,
    onRound: (round) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${round}`)
    },
  })
  console.log(
    `rounds ${figures.rounds} in ${(figures.durationMs / 1000).toFixed(0)} s, ${figures.survived} survived`,
  )
  console.log(
    `killed in the midst of ${PHASES.map((phase) => `${phase} ${figures.killed[phase]}`).join(' · ')}`,
  )
  console.log(`acknowledged ${figures.acknowledged} · recovered ${figures.recovered} · lost 0`)
}
