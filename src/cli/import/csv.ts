/**
 * `.csv` as in RFC 4180, in UTF-8, with a line of names first. A column `vector`, `embedding` or
 * `values` has a JSON array in each field; without one, the columns whose names end in 0, 1, 2 …
 * (or 1, 2, 3 …) behind the same text, such as `dim_0`, are the elements. A column `id` is the id.
 * All others are members of the metadata, as texts; empty fields are left out.
 */
import type { JsonValue } from '../../mod.ts'
import { quote } from '../text.ts'
import { type CsvRecord, readCsvRecords } from './csv-records.ts'
import { invalidFile, sizeOf, type VectorFile } from './file.ts'
import { type Placed, type RowOptions, rowsOf } from './row-parser.ts'

const HINT = 'Write a header, and a column "vector" of JSON arrays, or columns dim_0, dim_1 and so on.'
const VECTOR_COLUMNS = ['vector', 'embedding', 'values']

/** @throws WALV_INVALID_FILE, also while reading; WALV_PERMISSION, WALV_IO */
export async function openCsv(file: string, options: RowOptions = {}): Promise<VectorFile> {
  const bytes = await sizeOf(file)
  const read = () => rowsOf(file, valuesOf(file), options)
  for await (const { vector } of read())
    return { format: 'csv', bytes, rows: undefined, dimensions: vector.length, read }
  throw invalidFile(file, 0, 'it holds no vectors', HINT)
}

async function* valuesOf(file: string): AsyncGenerator<Placed, void, void> {
  let columns: Columns | undefined
  for await (const record of readCsvRecords(file)) {
    if (columns === undefined) columns = columnsOf(file, record)
    else yield placed(file, record, columns)
  }
}

interface Columns {
  readonly names: readonly string[]
  /** Of a column with JSON arrays, or of the elements in their order. */
  readonly vector: number | readonly number[]
}

function columnsOf(file: string, { fields: names, offset }: CsvRecord): Columns {
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw invalidFile(file, offset, `two columns have the name ${quote(twice)}`, HINT)
  const vector = names.findIndex((name) => VECTOR_COLUMNS.includes(name))
  if (vector !== -1) return { names, vector }
  const numbered = elementColumns(names)
  if (numbered.length === 0) throw invalidFile(file, offset, 'its header names no column of vectors', HINT)
  return { names, vector: numbered }
}

/** The longest run of columns that are numbered without a gap from 0 or 1. */
function elementColumns(names: readonly string[]): readonly number[] {
  const byPrefix = new Map<string, Map<number, number>>()
  for (const [at, name] of names.entries()) {
    const [, prefix, number] = /^(.*?)(\d+)$/.exec(name) ?? []
    if (prefix === undefined) continue
    if (!byPrefix.has(prefix)) byPrefix.set(prefix, new Map())
    byPrefix.get(prefix)!.set(Number(number), at)
  }
  const runs = [...byPrefix.values()].map((columns) => {
    const first = columns.has(0) ? 0 : 1
    return Array.from({ length: columns.size }, (_, i) => columns.get(first + i))
  })
  const whole = runs.filter((run): run is number[] => run.every((at) => at !== undefined))
  return whole.sort((a, b) => b.length - a.length)[0] ?? []
}

function placed(
  file: string,
  { fields, number, offset, endOffset }: CsvRecord,
  { names, vector }: Columns,
): Placed {
  const where = `record ${number}`
  if (fields.length !== names.length) {
    const what = `${where} has ${fields.length} fields, where the header has ${names.length}`
    throw invalidFile(
      file,
      offset,
      what,
      'Write as many fields as the header names, and quote those with commas.',
    )
  }
  const isElement =
    typeof vector === 'number' ? (at: number) => at === vector : (at: number) => vector.includes(at)
  const members = names.flatMap((name, at): [string, JsonValue][] =>
    isElement(at) || fields[at] === '' ? [] : [[name, fields[at]!]],
  )
  const elements =
    typeof vector === 'number'
      ? arrayIn(file, fields[vector]!, where, offset)
      : vector.map((at) => numberIn(fields[at]!))
  return { value: Object.fromEntries([...members, ['vector', elements]]), where, offset, endOffset }
}

/** What is no number is told as an element that does not fit. */
const numberIn = (text: string): JsonValue =>
  text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)

function arrayIn(file: string, text: string, where: string, offset: number): JsonValue {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalidFile(
      file,
      offset,
      `${where} has a vector that is no JSON array`,
      'Write it as "[0.1, 0.2]".',
      cause,
    )
  }
}
