/**
 * `.fvecs`, the format of the public nearest-neighbour data sets: for each vector its dimensions as
 * a little-endian int32, then as many little-endian float32. There are no ids: a vector's id is its
 * row number, from 0.
 */
import type { WalError } from '../../mod.ts'
import { floatsFromBytes } from '../floats.ts'
import {
  checkDimensions,
  invalidFile,
  readHead,
  readRecords,
  sizeOf,
  type VectorFile,
  type VectorRow,
} from './file.ts'

const HEADER_BYTES = 4

/**
 * @throws WalError `WALV_INVALID_FILE` where the size does not fit the dimensions of the first
 * vector; while reading, where the dimensions change. `WALV_PERMISSION`, `WALV_IO`.
 */
export async function openFvecs(file: string): Promise<VectorFile> {
  const bytes = await sizeOf(file)
  const head = await readHead(file, HEADER_BYTES)
  if (head.length < HEADER_BYTES) throw truncated(file, 0)
  const dimensions = head.readInt32LE(0)
  checkDimensions(file, 0, dimensions, 'row 0')
  const rows = bytes / (HEADER_BYTES + dimensions * 4)
  if (!Number.isInteger(rows)) throw truncated(file, Math.floor(rows) * (HEADER_BYTES + dimensions * 4))
  return { format: 'fvecs', bytes, rows, dimensions, read: () => readRows(file, rows, dimensions) }
}

async function* readRows(file: string, rows: number, dimensions: number): AsyncGenerator<VectorRow> {
  const recordBytes = HEADER_BYTES + dimensions * 4
  let row = 0
  for await (const record of readRecords(file, 0, recordBytes)) {
    const found = record.readInt32LE(0)
    if (found !== dimensions) {
      const what = `row ${row} has ${found} dimensions, where the rows before have ${dimensions}`
      throw invalidFile(file, row * recordBytes, what, 'All vectors of a file must have the same dimensions.')
    }
    const vector = floatsFromBytes(record.subarray(HEADER_BYTES))
    yield { id: String(row), vector, where: `row ${row}`, endOffset: (row + 1) * recordBytes }
    row++
  }
  if (row < rows) throw truncated(file, row * recordBytes)
}

function truncated(file: string, offset: number): WalError {
  const what = 'the file ends within a vector, or its vectors differ in their dimensions'
  return invalidFile(file, offset, what, 'Copy or write the file again.')
}
