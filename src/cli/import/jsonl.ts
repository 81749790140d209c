/**
 * `.jsonl` and `.ndjson`: one JSON object a line, in UTF-8; empty lines are passed over.
 * `row-parser.ts` says what an object may be.
 */
import { invalidFile, sizeOf, type VectorFile } from './file.ts'
import { readLines } from './lines.ts'
import { type Placed, type RowOptions, rowsOf } from './row-parser.ts'
import { parseJson } from './text-values.ts'

/**
 * Reads the first vector, for its dimensions.
 * @throws WalError `WALV_INVALID_FILE`, also while reading. `WALV_PERMISSION`, `WALV_IO`.
 */
export async function openJsonl(file: string, options: RowOptions = {}): Promise<VectorFile> {
  const bytes = await sizeOf(file)
  const read = () => rowsOf(file, linesOf(file), options)
  for await (const { vector } of read())
    return { format: 'jsonl', bytes, rows: undefined, dimensions: vector.length, read }
  throw invalidFile(
    file,
    0,
    'it holds no vectors',
    'Write one object a line, such as {"id":"a","vector":[1,2]}.',
  )
}

async function* linesOf(file: string): AsyncGenerator<Placed, void, void> {
  for await (const { bytes, number, offset, endOffset } of readLines(file)) {
    const place = { where: `line ${number}`, offset, endOffset }
    const value = parseJson(file, bytes, place, 'Write one whole object a line.')
    if (value !== undefined) yield { value, ...place }
  }
}
