import { monotonicMs } from '../../clock.ts'
import {
  DurableIndex,
  type FlatOptions,
  type InsertManyItem,
  MAX_ID_BYTES,
  type Metric,
  WalError,
} from '../../mod.ts'
import type { OptionValues } from '../args.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { ENGINES, type Engine, graphBuilt, makeIndex } from '../engines.ts'
import { asDocuments, isDocument, needAlike } from '../import/documents.ts'
import {
  FILE_FORMATS,
  type FileFormat,
  openStore,
  openVectorFile,
  STORE_FORMATS,
  type StoreFormat,
  TemporaryFolder,
  type VectorFile,
  type VectorRow,
} from '../import/index.ts'
import { engineOf, indexKind, metricFor, UNWARNED } from '../opening.ts'
import { formatDuration, formatQuantity } from '../output.ts'
import { startProgress } from '../progress.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'import',
  summary: 'bring the vectors of a file into a durable index',
  details:
    'Reads .jsonl and .ndjson, .json, .csv, .npy, .npz and .fvecs files, each also as .gz, and standard input as - with --format. In JSON a vector has an "id", a "vector" ' +
    'and perhaps "metadata"; what OpenAI, Cohere, Pinecone, Chroma and Qdrant give out is taken as it is. A vector without an id gets its row number. ' +
    'With --from, the stores of other libraries: memory-vector-store (a file with the JSON of memoryVectors), hnswlib (the folder that HNSWLib of ' +
    'LangChain saves) and vectra (its folder). ' +
    'Everything is checked before anything is written. An id that exists is replaced. Ends with a checkpoint, which keeps the metric. ' +
    'With --text-field, plain vectors become documents of walv/langchain. ' +
    'If it is interrupted, run it again: what is there already is replaced by the same.',
  positionals: {
    file: { description: 'the file of vectors, the file or folder of the store, or -' },
    directory: { description: 'the directory of the log; made if missing' },
  },
  options: {
    format: { type: 'choice', choices: FILE_FORMATS, description: 'default: by the name' },
    from: { type: 'choice', choices: STORE_FORMATS, description: 'which library has saved it' },
    'id-field': { type: 'string', placeholder: 'NAME', description: 'which member, or column, is the id' },
    'text-field': {
      type: 'string',
      placeholder: 'NAME',
      description: 'which member is the text: stores walv/langchain documents',
    },
    prefix: { type: 'string', placeholder: 'TEXT', description: 'put in front of every id', default: '' },
    metric: {
      type: 'choice',
      choices: ['cosine', 'l2', 'ip'],
      description: 'default: that of the index, of the store, or cosine',
    },
    index: { type: 'choice', choices: ENGINES, description: 'default: that of the last snapshot, else flat' },
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

type Options = OptionValues<(typeof spec)['options']>

export const importVectors: Command = command(
  spec,
  async (options, { file, directory }): Promise<ExitCode> => {
    const started = monotonicMs()
    using temporary = new TemporaryFolder()
    const source = await openSource(options, file, temporary)
    const checked = await check(source, options.prefix)
    const shape = await optionsFor(directory, file, source, options.metric as Metric | undefined)
    const engine = await engineOf(directory, options.index as Engine | undefined)
    await using index = await DurableIndex.open({ directory, index: makeIndex(engine, shape), ...UNWARNED })
    needAlike(index, checked.areDocuments, file, directory)
    const before = index.size
    const rows = await insertAll(index, source, options.prefix)
    await graphBuilt(index)
    await index.checkpoint()
    const durationMs = Math.round(monotonicMs() - started)
    const added = index.size - before
    const { duplicates } = checked
    const figures = { rows, dimensions: source.dimensions, added, duplicates, size: index.size, durationMs }
    if (options.json) await printJson({ imported: figures })
    else await printLine(sentences(figures, directory))
    return 0
  },
)

async function openSource(options: Options, file: string, temporary: TemporaryFolder): Promise<VectorFile> {
  const { from, format, 'id-field': idField, 'text-field': textField } = options
  if (from !== undefined && (format !== undefined || idField !== undefined))
    throw new WalError(
      'WALV_USAGE',
      '--from knows the format and the ids: leave out --format and --id-field.',
    )
  const given = await (from === undefined
    ? openVectorFile(file, { format: format as FileFormat | undefined, idField, temporary })
    : openStore(from as StoreFormat, file))
  return textField === undefined ? given : asDocuments(given, file, textField)
}

async function insertAll(index: DurableIndex, source: VectorFile, prefix: string): Promise<number> {
  using progress = startProgress({ label: 'importing', total: source.bytes, unit: 'bytes' })
  async function* items(): AsyncGenerator<InsertManyItem> {
    for await (const { id, vector, metadata, endOffset } of source.read()) {
      yield { id: prefix + id, vector, metadata: metadata ?? null }
      progress.update(endOffset)
    }
  }
  try {
    return (await index.insertMany(items(), { replace: true })).count
  } catch (error) {
    // It can be run again as a whole, so that how far it came does not matter.
    throw (error as Error).cause instanceof WalError ? (error as Error).cause : error
  }
}

interface Figures {
  readonly rows: number
  readonly dimensions: number
  readonly added: number
  /** Rows whose id comes again further down. */
  readonly duplicates: number
  readonly size: number
  readonly durationMs: number
}

function sentences(
  { rows, dimensions, added, duplicates, size, durationMs }: Figures,
  directory: string,
): string {
  const lines = [
    `${formatQuantity(rows, 'vector')} of ${formatQuantity(dimensions, 'dimension')} imported in ${formatDuration(durationMs)}: ` +
      `${formatQuantity(added, 'id is', 'ids are')} new, ${formatQuantity(size, 'is', 'are')} in ${directory} now.`,
  ]
  if (duplicates > 0)
    lines.push(
      `${formatQuantity(duplicates, 'row has', 'rows have')} an id that comes again further down: the last of each holds.`,
    )
  return lines.join('\n')
}

/**
 * Of the index that is there already, as far as it says; found out before anything is opened for
 * writing.
 * @throws WALV_INDEX_MISMATCH
 */
async function optionsFor(
  directory: string,
  file: string,
  source: VectorFile,
  asked: Metric | undefined,
): Promise<FlatOptions> {
  const { dimensions } = source
  const kind = await indexKind(directory).catch((error: unknown) => {
    if (error instanceof WalError && error.code === 'WALV_NO_DIRECTORY') return undefined
    throw error
  })
  if (kind !== undefined && kind.dimensions !== dimensions) {
    throw new WalError(
      'WALV_INDEX_MISMATCH',
      `The vectors in ${file} have ${dimensions} dimensions, those in ${directory} have ${kind.dimensions}. Nothing was written.`,
      { file: directory },
    )
  }
  if (asked === undefined && kind?.metric && source.metric && source.metric !== kind.metric) {
    throw new WalError(
      'WALV_INDEX_MISMATCH',
      `${file} has the metric ${source.metric}, the index in ${directory} has ${kind.metric}. Give another directory, or --metric ${kind.metric} to search all of it so. Nothing was written.`,
      { file: directory },
    )
  }
  return {
    dimensions,
    metric: metricFor(directory, kind, asked ?? (kind?.metric ? undefined : source.metric)),
  }
}

/**
 * A file that turns out to be wrong in the middle must not leave its first half. Tells whether all
 * of it is documents, and how many ids come again.
 */
async function check(
  source: { read(): AsyncIterable<VectorRow> },
  prefix: string,
): Promise<{ readonly areDocuments: boolean; readonly duplicates: number }> {
  const ids = new Set<string>()
  let rows = 0
  let areDocuments = true
  for await (const { id: each, vector, metadata, where } of source.read()) {
    areDocuments &&= isDocument(metadata)
    const id = prefix + each
    if (id === '') throw new WalError('WALV_INVALID_ID', `The id of ${where} is empty. Nothing was written.`)
    if (Buffer.byteLength(id) > MAX_ID_BYTES)
      throw new WalError(
        'WALV_LIMIT',
        `The id of ${where} has more than ${MAX_ID_BYTES} bytes. Nothing was written.`,
      )
    const wrong = vector.findIndex((value) => !Number.isFinite(value))
    if (wrong >= 0)
      throw new WalError(
        'WALV_INVALID_VECTOR',
        `Element ${wrong} of ${where} is ${vector[wrong]}; vectors must be finite. Nothing was written.`,
      )
    ids.add(id)
    rows++
  }
  return { areDocuments, duplicates: rows - ids.size }
}
