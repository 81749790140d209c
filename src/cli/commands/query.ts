import { DurableIndex, type Filter, flat, type Hit, type Metric, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { indexKind, metricFor } from '../opening.ts'
import { formatCount, table } from '../output.ts'
import { defineCommand } from '../spec.ts'
import { escapeControls, quote } from '../text.ts'

const spec = defineCommand({
  name: 'query',
  summary: 'find the nearest vectors in a durable index',
  details:
    'Give the id of a stored vector, or a vector as a JSON array with --vector. Compares with all vectors, whatever engine the index is of. Never writes. Exit code 1 if the id is not there.',
  positionals: {
    directory: { description: 'the directory of the log' },
    id: { description: 'id of the vector to look around', optional: true },
  },
  options: {
    vector: { type: 'string', placeholder: 'JSON', description: 'the vector to look around, as [0.1, …]' },
    filter: {
      type: 'string',
      placeholder: 'JSON',
      description: 'what metadata must be like, as {"lang":"en"}',
    },
    k: {
      type: 'integer',
      short: 'k',
      placeholder: 'N',
      min: 1,
      max: 100_000,
      default: 10,
      description: 'how many',
    },
    metric: {
      type: 'choice',
      choices: ['cosine', 'l2', 'ip'],
      description: 'default: that of the index, else cosine',
    },
    json: { type: 'boolean', description: 'one JSON object a line' },
  },
})

export const query: Command = command(
  spec,
  async ({ vector, filter, k, metric, json }, { directory, id }): Promise<ExitCode> => {
    if ((id === undefined) === (vector === undefined))
      throw new WalError('WALV_USAGE', 'Give either an ID or --vector. See `walv query --help`.')
    const options = { k, ...(filter !== undefined && { filter: parseFilter(filter) }) }
    const kind = await indexKind(directory)
    if (kind === undefined)
      throw new WalError('WALV_NOT_FOUND', `There is no vector in ${directory}. Check the path.`)
    const index = await DurableIndex.open({
      directory,
      readOnly: true,
      // All vectors are compared, whatever engine they are searched with elsewhere.
      index: flat({
        dimensions: kind.dimensions,
        metric: metricFor(directory, kind, metric as Metric | undefined),
      }),
    })
    const stored = id === undefined ? undefined : index.get(id)
    if (id !== undefined && stored === undefined) {
      throw new WalError(
        'WALV_NOT_FOUND',
        `There is no ${quote(id)} among the ${formatCount(index.size)} vectors in ${directory}.`,
      )
    }
    const hits = await index.search(stored?.vector ?? parseVector(vector!), options)
    if (json) for (const hit of hits) await printJson(hit)
    else if (hits.length > 0) await printLine(table(hits.map(rowOf), 'rl'))
    return 0
  },
)

const rowOf = ({ id, distance, metadata }: Hit): string[] => [
  distance.toFixed(4),
  escapeControls(id),
  metadata === null ? '' : escapeControls(JSON.stringify(metadata)),
]

function parseVector(text: string): number[] {
  const value = parseJson(text)
  if (Array.isArray(value) && value.every((element) => typeof element === 'number')) return value
  throw new WalError('WALV_USAGE', '--vector must be a JSON array of numbers, such as "[0.1, -0.2]".')
}

function parseFilter(text: string): Filter {
  const value = parseJson(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Filter
  throw new WalError(
    'WALV_USAGE',
    `--filter must be a JSON object, such as '{"lang":"en","year":{"$gte":2020}}'.`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
