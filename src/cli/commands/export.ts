import { extname } from 'node:path'
import { monotonicMs } from '../../clock.ts'
import { DurableIndex, flat, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { type Entry, idLines, jsonLines, npyPieces } from '../export-formats.ts'
import { NewFile } from '../new-file.ts'
import { indexKind } from '../opening.ts'
import { formatDuration, formatQuantity } from '../output.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'export',
  summary: 'write the vectors of a durable index to a file',
  details:
    'To .jsonl: a line {"id":…,"vector":[…],"metadata":…} for each vector, which walv import reads, bit for bit; - writes that to standard output. To .npy: the vectors as ' +
    'float32, and beside it, as vectors.ids.jsonl to vectors.npy, their ids and metadata in the same order. In the order in which they were inserted. A file that exists is not replaced. ' +
    'Never writes to the directory, and may run beside a live writer. Holds the index in memory.',
  positionals: {
    directory: { description: 'the directory of the log' },
    file: { description: 'the new file, ending in .jsonl or .npy, or -' },
  },
  options: { json: { type: 'boolean', description: 'one JSON object of what was done' } },
})

export const exportVectors: Command = command(
  spec,
  async ({ json }, { directory, file }): Promise<ExitCode> => {
    const started = monotonicMs()
    const write = writerFor(file, json)
    const kind = await indexKind(directory)
    if (kind === undefined)
      throw new WalError('WALV_NOT_FOUND', `There is no vector in ${directory}. Check the path.`)
    const { dimensions, metric = 'cosine' } = kind
    const index = await DurableIndex.open({ directory, readOnly: true, index: flat({ dimensions, metric }) })
    const files = await write(file, index)
    if (file === STANDARD_OUTPUT) return 0
    const durationMs = Math.round(monotonicMs() - started)
    if (json) await printJson({ exported: { vectors: index.size, dimensions, metric, files, durationMs } })
    else
      await printLine(
        `${formatQuantity(index.size, 'vector')} of ${formatQuantity(dimensions, 'dimension')} (metric ${metric}) ` +
          `written to ${files.join(' and ')} in ${formatDuration(durationMs)}.`,
      )
    return 0
  },
)

const STANDARD_OUTPUT = '-'

/** Writes an index, and resolves to the names of the files. */
type Writer = (file: string, index: DurableIndex) => Promise<string[]>

/** @throws WALV_USAGE */
function writerFor(file: string, json: boolean): Writer {
  if (file === STANDARD_OUTPUT) {
    if (json) throw new WalError('WALV_USAGE', 'Standard output is taken by the vectors: leave out --json.')
    return toStandardOutput
  }
  const extension = extname(file).toLowerCase()
  if (extension === '.jsonl' || extension === '.ndjson') return toJsonl
  if (extension === '.npy') return toNpy
  throw new WalError(
    'WALV_USAGE',
    `Cannot tell what kind of file ${file} is to be. Name one that ends in .jsonl or .npy.`,
  )
}

const toStandardOutput: Writer = async (_file, index) => {
  for (const line of jsonLines(entriesOf(index))) await printLine(line)
  return []
}

const toJsonl: Writer = async (file, index) => {
  await using lines = await NewFile.begin(file)
  for (const line of jsonLines(entriesOf(index))) await lines.write(`${line}\n`)
  await lines.publish()
  return [file]
}

const toNpy: Writer = async (file, index) => {
  const ids = `${file.slice(0, -'.npy'.length)}.ids.jsonl`
  await using vectors = await NewFile.begin(file)
  await using names = await NewFile.begin(ids)
  for (const line of idLines(entriesOf(index))) await names.write(`${line}\n`)
  for (const piece of npyPieces(entriesOf(index), index.size, index.dimensions)) await vectors.write(piece)
  await names.publish()
  await vectors.publish()
  return [file, ids]
}

const entriesOf = (index: DurableIndex): Iterable<Entry> => index.entries()
