/** What `walv export` writes, piece by piece. */
import type { StoredVector } from '../mod.ts'
import { floatsToBytes } from './floats.ts'

export type Entry = readonly [id: string, stored: StoredVector]

/** A line for each vector, without the line feed, that `walv import` reads to the same bits. */
export function* jsonLines(entries: Iterable<Entry>): Generator<string, void, void> {
  for (const [id, { vector, metadata }] of entries) {
    const elements = Array.from(vector, elementToJson).join(',')
    const rest = metadata === null ? '' : `,"metadata":${JSON.stringify(metadata)}`
    yield `{"id":${JSON.stringify(id)},"vector":[${elements}]${rest}}`
  }
}

/** JSON has a minus zero, and JavaScript reads it, but does not write it. */
const elementToJson = (element: number): string => (Object.is(element, -0) ? '-0' : String(element))

/** Ids and metadata alone, for the rows of an array. */
export function* idLines(entries: Iterable<Entry>): Generator<string, void, void> {
  for (const [id, { metadata }] of entries)
    yield JSON.stringify(metadata === null ? { id } : { id, metadata })
}

/** numpy wants the data aligned. */
const ALIGNMENT_BYTES = 64
const PREFIX_BYTES = 10

/** An `.npy` file of float32. */
export function* npyPieces(
  entries: Iterable<Entry>,
  count: number,
  dimensions: number,
): Generator<Uint8Array, void, void> {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${dimensions}), }`
  const length =
    Math.ceil((PREFIX_BYTES + text.length + 1) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES - PREFIX_BYTES
  const header = Buffer.alloc(PREFIX_BYTES + length, ' ')
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(length, 8)
  header.write(text, PREFIX_BYTES, 'latin1')
  header.write('\n', header.length - 1)
  yield header
  for (const [, { vector }] of entries) yield floatsToBytes(vector)
}
