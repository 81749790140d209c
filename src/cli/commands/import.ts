import { monotonicMs } from '../../clock.ts'
import { DurableIndex, type FlatOptions, flat, MAX_ID_BYTES, type Metric, WalError } from '../../mod.ts'
import { defineCommand } from '../args.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { asDocuments, isDocument, needAlike } from '../import/documents.ts'
import {
  openStore,
  openVectorFile,
  STORE_FORMATS,
  type StoreFormat,
  type VectorFile,
  type VectorRow,
} from '../import/index.ts'
import { indexKind, metricFor, UNWARNED } from '../opening.ts'
import { formatDuration, formatQuantity } from '../output.ts'
import { startProgress } from '../progress.ts'

const spec = defineCommand({
  name: 'import',
  summary: 'bring the vectors of a file into a durable index',
  details:
    'Reads .fvecs, .npy and .jsonl files. Ids are row numbers, except in .jsonl, where each line has an "id", a "vector" and perhaps "metadata". ' +
    'With --from, the stores of other libraries: memory-vector-store (a file with the JSON of memoryVectors), hnswlib (the folder that HNSWLib of ' +
    'LangChain saves) and vectra (its folder). Documents without an id get their row number. ' +
    'Everything is checked before anything is written. An id that exists is replaced. Ends with a checkpoint, which keeps the metric. ' +
    'With --text-field, plain vectors become documents of walv/langchain. ' +
    'If it is interrupted, run it again: what is there already is replaced by the same.',
  positionals: {
    file: { description: 'the file of vectors, or the file or folder of the store' },
    directory: { description: 'the directory of the log; made if missing' },
  },
  options: {
    from: { type: 'choice', choices: STORE_FORMATS, description: 'which library has saved it' },
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
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

/** Inserts under way at one time: enough to share each sync, few enough to stay small. */
const IN_FLIGHT = 256

export const importVectors: Command = command(
  spec,
  async ({ json, from, prefix, metric, 'text-field': textField }, { file, directory }): Promise<ExitCode> => {
    const started = monotonicMs()
    const given = await (from === undefined ? openVectorFile(file) : openStore(from as StoreFormat, file))
    const source = textField === undefined ? given : asDocuments(given, file, textField)
    const { areDocuments } = await check(source, prefix)
    await using index = await DurableIndex.open({
      directory,
      index: flat(await optionsFor(directory, file, source, metric as Metric | undefined)),
      ...UNWARNED,
    })
    needAlike(index, areDocuments, file, directory)
    using progress = startProgress({ label: 'importing', total: source.bytes, unit: 'bytes' })
    const before = index.size
    const under = new Set<Promise<void>>()
    let failure: unknown
    let rows = 0
    for await (const { id, vector, metadata, endOffset } of source.read()) {
      const done = index
        .upsert(prefix + id, vector, metadata ?? null)
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => under.delete(done))
      under.add(done)
      rows++
      if (under.size >= IN_FLIGHT) await Promise.race(under)
      if (failure !== undefined) throw failure
      progress.update(endOffset)
    }
    await Promise.all(under)
    if (failure !== undefined) throw failure
    await index.checkpoint()
    progress.end()
    const durationMs = Math.round(monotonicMs() - started)
    const figures = { rows, dimensions: source.dimensions, added: index.size - before, size: index.size, durationMs }
    if (json) await printJson({ imported: figures })
    else {
      await printLine(
        `${formatQuantity(rows, 'vector')} of ${formatQuantity(source.dimensions, 'dimension')} imported in ${formatDuration(durationMs)}: ` +
          `${formatQuantity(figures.added, 'id is', 'ids are')} new, ${formatQuantity(index.size, 'is', 'are')} in ${directory} now.`,
      )
    }
    return 0
  },
)

/**
 * Of the index that is there already, as far as it says; found out before anything is opened for writing.
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
  return { dimensions, metric: metricFor(directory, kind, asked ?? (kind?.metric ? undefined : source.metric)) }
}

/** A file that turns out to be wrong in the middle must not leave its first half. Tells whether all of it is documents. */
async function check(
  source: { read(): AsyncIterable<VectorRow> },
  prefix: string,
): Promise<{ readonly areDocuments: boolean }> {
  let areDocuments = true
  for await (const { id: each, vector, metadata, where } of source.read()) {
    areDocuments &&= isDocument(metadata)
    const id = prefix + each
    if (id === '') throw new WalError('WALV_INVALID_ID', `The id of ${where} is empty. Nothing was written.`)
    if (Buffer.byteLength(id) > MAX_ID_BYTES)
      throw new WalError('WALV_LIMIT', `The id of ${where} has more than ${MAX_ID_BYTES} bytes. Nothing was written.`)
    const wrong = vector.findIndex((value) => !Number.isFinite(value))
    if (wrong >= 0)
      throw new WalError(
        'WALV_INVALID_VECTOR',
        `Element ${wrong} of ${where} is ${vector[wrong]}; vectors must be finite. Nothing was written.`,
      )
  }
  return { areDocuments }
}
