import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export interface Options {
  readonly quick: boolean
  readonly only: readonly string[] | undefined
  readonly peers: readonly string[] | undefined
  readonly repetitions: number
  readonly json: string | undefined
  readonly svg: string | undefined
  readonly directory: string
}

export const USAGE = `npm run bench -- [options]
  --quick              less of everything; under two minutes
  --only A,B           only these scenarios; goals: all that the goals of an index need
  --peers A,B          only these peers, and walv and raw
  --repetitions N      default 5, or 2 with --quick
  --json FILE          everything that was measured
  --svg DIRECTORY      plots
  --directory DIR      where the files go; default: a folder beside the bench, so that it is a real disk`

const DEFAULT_DIRECTORY = fileURLToPath(new URL('../build-files', import.meta.url))

/** @throws an Error that says what is wrong with the arguments */
export function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      repetitions: { type: 'string' },
      json: { type: 'string' },
      svg: { type: 'string' },
      directory: { type: 'string', default: DEFAULT_DIRECTORY },
    },
  })
  const repetitions = Number(values.repetitions ?? (values.quick ? 2 : 5))
  if (!Number.isSafeInteger(repetitions) || repetitions < 1)
    throw new Error('--repetitions must be a whole number')
  return {
    quick: values.quick,
    only: values.only?.split(','),
    peers: values.peers?.split(','),
    repetitions,
    json: values.json,
    svg: values.svg,
    directory: values.directory,
  }
}
