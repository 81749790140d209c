/**
 * What walv can import: files of vectors, told apart by the ends of their names, and stores of
 * other libraries, which are named.
 */
import { extname } from 'node:path'
import { WalError } from '../../mod.ts'
import { openCsv } from './csv.ts'
import type { FileFormat, StoreFormat, VectorFile } from './file.ts'
import { openFvecs } from './fvecs.ts'
import { openHnswlib } from './hnswlib.ts'
import { openJson } from './json.ts'
import { openJsonl } from './jsonl.ts'
import { openMemoryVectorStore } from './memory-vector-store.ts'
import { openNpy } from './npy.ts'
import { unpackArray } from './npz.ts'
import { isPacked, STANDARD_INPUT, spoolInput, TemporaryFolder, toldOf, unpack } from './plain-file.ts'
import type { RowOptions } from './row-parser.ts'
import { openVectra } from './vectra.ts'

export type { FileFormat, StoreFormat, VectorFile, VectorRow } from './file.ts'
export { TemporaryFolder } from './plain-file.ts'
export type { RowOptions } from './row-parser.ts'

const openers: Readonly<
  Record<Exclude<FileFormat, 'npz'>, (file: string, options: RowOptions) => Promise<VectorFile>>
> = {
  jsonl: openJsonl,
  json: openJson,
  csv: openCsv,
  npy: openNpy,
  fvecs: openFvecs,
}

export const FILE_FORMATS: readonly FileFormat[] = ['jsonl', 'json', 'csv', 'npy', 'npz', 'fvecs']
/** Those that have members with names, and so ids. */
const WITH_NAMES: readonly FileFormat[] = ['jsonl', 'json', 'csv']

const stores: Readonly<Record<StoreFormat, (path: string) => Promise<VectorFile>>> = {
  'memory-vector-store': openMemoryVectorStore,
  hnswlib: openHnswlib,
  vectra: openVectra,
}

export const STORE_FORMATS = Object.keys(stores) as readonly StoreFormat[]

/**
 * Opens what another library has saved. @throws WALV_INVALID_FILE, also while reading;
 * WALV_PERMISSION, WALV_IO
 */
export function openStore(format: StoreFormat, path: string): Promise<VectorFile> {
  return stores[format](path)
}

export interface OpenOptions extends RowOptions {
  /** Default: what the end of the file's name says. */
  readonly format?: FileFormat | undefined
  /** Where what can be read only once is kept meanwhile. */
  readonly temporary?: TemporaryFolder
}

/**
 * Opens a file of vectors, or standard input as `-`; either may be packed with gzip.
 * @throws WalError `WALV_USAGE` for a name of another kind; `WALV_INVALID_FILE`, also while
 * reading; `WALV_PERMISSION`, `WALV_IO`.
 */
export async function openVectorFile(path: string, options: OpenOptions = {}): Promise<VectorFile> {
  const format = options.format ?? formatOf(path)
  const { idField, temporary = new TemporaryFolder() } = options
  if (idField !== undefined && !WITH_NAMES.includes(format))
    throw new WalError(
      'WALV_USAGE',
      `A file of the format ${format} has no names: --id-field cannot be given.`,
    )
  const made: string[] = []
  const make = async (name: string, fill: (target: string) => Promise<void>): Promise<string> => {
    const target = temporary.file(name)
    made.push(target)
    await fill(target)
    return target
  }
  const name = path === STANDARD_INPUT ? 'standard input' : path
  const told = (error: unknown): unknown => made.reduce((each, file) => toldOf(each, file, name), error)
  try {
    let file = path === STANDARD_INPUT ? await make('input', spoolInput) : path
    const packed = file
    if (await isPacked(file)) file = await make('unpacked', (target) => unpack(packed, target))
    const archive = file
    if (format === 'npz') file = await make('array.npy', (target) => unpackArray(archive, target))
    const opened = await openers[format === 'npz' ? 'npy' : format](file, { idField })
    return { ...opened, format, read: () => telling(opened.read(), told) }
  } catch (error) {
    throw told(error)
  }
}

async function* telling<T>(rows: AsyncGenerator<T>, told: (error: unknown) => unknown): AsyncGenerator<T> {
  try {
    yield* rows
  } catch (error) {
    throw told(error)
  }
}

/** @throws WALV_USAGE */
function formatOf(path: string): FileFormat {
  if (path === STANDARD_INPUT)
    throw new WalError('WALV_USAGE', `Say with --format what standard input is: ${FILE_FORMATS.join(', ')}.`)
  const extension = extname(path.replace(/\.gz$/i, '')).slice(1).toLowerCase()
  const format = extension === 'ndjson' ? 'jsonl' : FILE_FORMATS.find((each) => each === extension)
  if (format !== undefined) return format
  const kinds = [...FILE_FORMATS, 'ndjson'].map((each) => `.${each}`).join(', ')
  throw new WalError(
    'WALV_USAGE',
    `Cannot tell what kind of file ${path} is. Name a file that ends in ${kinds} (or these and .gz), say it with --format, or say with --from which library has saved it.`,
    { file: path },
  )
}
