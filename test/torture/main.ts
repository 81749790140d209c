/** `npm run torture -- --rounds 2000 [--seed N] [--graphs] [--keep]` */
import { parseArgs } from 'node:util'
import { PHASES, torture } from './torture.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    keep: { type: 'boolean', default: false },
    graphs: { type: 'boolean', default: false },
  },
})
// So that an interrupted run cleans up.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const [rounds, seed] = [Number(values.rounds), Number(values.seed)]
console.log(`seed ${seed}`)
const figures = await torture({
  rounds,
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
