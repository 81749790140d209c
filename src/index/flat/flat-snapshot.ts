import { WalError } from '../../errors.ts'
import { bytesOf, swapUnlessLittleEndian } from '../byte-order.ts'
import { OF_NEWER_WALV } from '../newer-walv.ts'
import type { LongWork, Metric } from '../vector-index.ts'
import { type OwnChunk, rowsPerChunk } from './chunk.ts'
import type { FrozenRows } from './flat-storage.ts'

/**
 * The snapshot of a flat index: one file, all numbers little-endian, no padding.
 *
 *     offset          bytes                    content
 *     0               8                        magic, ASCII "WALVFLAT"
 *     8               4                        u32, version of this layout: 1
 *     12              4                        u32, dimensions, 0 to 65 535
 *     16              4                        u32, metric: 1 cosine, 2 l2, 3 ip
 *     20              4                        zero
 *     24              8                        u64, count of vectors
 *     32              8 × count                the labels, each a u64 below 2^53, no two the same
 *     32 + 8 × count  4 × dimensions × count   the vectors, float32, in the order of the labels
 *
 * The file ends there. It holds no checksum: who writes a snapshot hashes it, and who loads one has
 * verified it.
 */
export const SNAPSHOT_FILE = 'vectors.walvflat'

const MAGIC = 'WALVFLAT'
const VERSION = 1
const HEADER_BYTES = 32
const LABEL_BYTES = 8
const PIECE_LABELS = 8192
const METRIC_CODES: Readonly<Record<Metric, number>> = { cosine: 1, l2: 2, ip: 3 }
const UINT32 = 2 ** 32
/** To look at the clock takes about as long as to count a row that is there. */
const ROWS_PER_STEP = 16

/**
 * What an index must be to load a snapshot: all of it is checked, none of it is taken from the
 * file.
 */
export interface SnapshotShape {
  readonly dimensions: number
  readonly metric: Metric
  readonly acceptsNonFinite: boolean
}

/** The file in pieces of at most 1 MiB; a piece is valid until the next is asked for. */
export function* encodeSnapshot(rows: FrozenRows, dimensions: number, metric: Metric): Generator<Uint8Array> {
  yield encodeHeader(rows.count, dimensions, metric)
  yield* encodeLabels(rows)
  for (const vectors of rows.vectors()) {
    const bytes = bytesOf(vectors)
    swapUnlessLittleEndian(bytes)
    yield bytes
  }
}

/**
 * Reads what `encodeSnapshot` wrote and hands each vector with its label to `add`, in the file's
 * order; `add` answers whether the label was new; each is a step of the work. The vectors of a
 * block are read into the memory that `room` gives for them, or into one block that is used again:
 * then a vector is valid during the call. Memory: the labels and that block. Throws
 * `WALV_INDEX_MISMATCH` where the file is not whole, or not of this shape.
 */
export async function decodeSnapshot(
  pieces: AsyncIterable<Uint8Array>,
  shape: SnapshotShape,
  work: LongWork | undefined,
  add: (label: number, vector: Float32Array) => boolean,
  room?: () => OwnChunk,
): Promise<void> {
  const source = new PieceSource(pieces)
  try {
    const count = await decodeHeader(source, shape)
    const labels = await Labels.read(source, count, work)
    const { dimensions } = shape
    const rowsPerBlock = rowsPerChunk(dimensions)
    const own = new Float32Array(room ? 0 : Math.min(count, rowsPerBlock) * dimensions)
    for (let from = 0; from < count; from += rowsPerBlock) {
      const rows = Math.min(rowsPerBlock, count - from)
      const chunk = room?.()
      const block = (chunk?.vectors ?? own).subarray(0, rows * dimensions)
      const { offset } = source
      await source.fill(bytesOf(block), 'the vectors')
      swapUnlessLittleEndian(bytesOf(block))
      if (!shape.acceptsNonFinite && !allFinite(block, chunk)) throw notFinite(offset)
      for (let row = 0; row < rows; row++) {
        const label = labels.at(from + row)
        const isNew = add(label, chunk ? block : block.subarray(row * dimensions, (row + 1) * dimensions))
        if (!isNew) throw mismatch(`it holds label ${label} twice`, HEADER_BYTES + (from + row) * LABEL_BYTES)
        if (chunk && row % ROWS_PER_STEP !== 0) continue
        const waiting = work?.step(from + row + 1, count)
        if (waiting) await waiting
      }
    }
    await source.expectEnd()
  } finally {
    await source.close()
  }
}

function encodeHeader(count: number, dimensions: number, metric: Metric): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i)
  view.setUint32(8, VERSION, true)
  view.setUint32(12, dimensions, true)
  view.setUint32(16, METRIC_CODES[metric], true)
  setUint64(view, 24, count)
  return bytes
}

function* encodeLabels(rows: FrozenRows): Generator<Uint8Array> {
  for (let from = 0; from < rows.count; from += PIECE_LABELS) {
    const length = Math.min(PIECE_LABELS, rows.count - from)
    const view = new DataView(new ArrayBuffer(length * LABEL_BYTES))
    for (let i = 0; i < length; i++) setUint64(view, i * LABEL_BYTES, rows.label(from + i))
    yield new Uint8Array(view.buffer)
  }
}

/** Checks everything that the header says against `shape`; returns the count of vectors. */
async function decodeHeader(source: PieceSource, shape: SnapshotShape): Promise<number> {
  const header = new Uint8Array(HEADER_BYTES)
  await source.fill(header, 'the header')
  const view = new DataView(header.buffer)
  if (String.fromCharCode(...header.subarray(0, MAGIC.length)) !== MAGIC) {
    throw mismatch('it is not a snapshot of a flat index: its first 8 bytes are not "WALVFLAT"', 0)
  }
  const version = view.getUint32(8, true)
  if (version !== VERSION)
    throw mismatch(
      `its layout has version ${version}, and this walv reads version ${VERSION}`,
      8,
      OF_NEWER_WALV,
    )
  if (view.getUint32(20, true) !== 0) throw mismatch('its header has bytes set that must be zero', 20)
  expectShape(view.getUint32(12, true), view.getUint32(16, true), shape)
  const count = getUint64(view, 24)
  if (!Number.isSafeInteger(count)) throw mismatch('its count of vectors is beyond what a file can hold', 24)
  return count
}

function expectShape(dimensions: number, metricCode: number, shape: SnapshotShape): void {
  const metric = (Object.keys(METRIC_CODES) as Metric[]).find((name) => METRIC_CODES[name] === metricCode)
  if (metric === undefined)
    throw mismatch(`its metric has code ${metricCode}, which this walv does not know`, 16)
  if (dimensions === shape.dimensions && metric === shape.metric) return
  throw mismatch(
    `it was written by flat({ dimensions: ${dimensions}, metric: '${metric}' }), and this index is ` +
      `flat({ dimensions: ${shape.dimensions}, metric: '${shape.metric}' }); open it with the options it was written with`,
    12,
  )
}

/** Labels as they were read, a piece at a time: what is allocated follows that, not the header. */
class Labels {
  readonly #pieces: Float64Array[] = []

  static async read(source: PieceSource, count: number, work: LongWork | undefined): Promise<Labels> {
    const labels = new Labels()
    const bytes = new Uint8Array(PIECE_LABELS * LABEL_BYTES)
    for (let from = 0; from < count; from += PIECE_LABELS) {
      const length = Math.min(PIECE_LABELS, count - from)
      await source.fill(bytes.subarray(0, length * LABEL_BYTES), 'the labels')
      labels.#pieces.push(labelsIn(bytes, length, from))
      const waiting = work?.step(0, count)
      if (waiting) await waiting
    }
    return labels
  }

  at(place: number): number {
    return this.#pieces[Math.floor(place / PIECE_LABELS)]![place % PIECE_LABELS]!
  }
}

function labelsIn(bytes: Uint8Array, length: number, from: number): Float64Array {
  const view = new DataView(bytes.buffer)
  const labels = Float64Array.from({ length }, (_, i) => getUint64(view, i * LABEL_BYTES))
  const unsafe = labels.findIndex((label) => !Number.isSafeInteger(label))
  if (unsafe >= 0) throw mismatch('a label is 2^53 or more', HEADER_BYTES + (from + unsafe) * LABEL_BYTES)
  return labels
}

/** A loop in JavaScript takes several times as long as the kernel, where there is one. */
function allFinite(floats: Float32Array, chunk: OwnChunk | undefined): boolean {
  const region = chunk?.block.region
  if (region) return region.kernel.allFinite(chunk!.vectorsAddress, floats.length) === 1
  // A zero times anything finite is a zero; times NaN or an infinity it is NaN, and NaN stays in
  // the sum.
  let sum = 0
  for (let i = 0; i < floats.length; i++) sum += 0 * floats[i]!
  return sum === 0
}

const notFinite = (offset: number): WalError =>
  mismatch('it holds NaN or an infinity, and this index was made without allowNonFinite: true', offset)

/** Bytes on demand from pieces of any length. */
class PieceSource {
  readonly #pieces: AsyncIterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array(0)
  /** Where in the file the next byte is. */
  offset = 0

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  async fill(target: Uint8Array, what: string): Promise<void> {
    let filled = 0
    while (filled < target.length) {
      if (!(await this.#hasBytes()))
        throw mismatch(`it ends after ${this.offset} bytes, within ${what}`, this.offset)
      const taken = this.#piece.subarray(0, target.length - filled)
      target.set(taken, filled)
      filled += taken.length
      this.offset += taken.length
      this.#piece = this.#piece.subarray(taken.length)
    }
  }

  async expectEnd(): Promise<void> {
    if (await this.#hasBytes())
      throw mismatch('it goes on after the last vector that its header counts', this.offset)
  }

  /** Tells the pieces' owner that no more are wanted. */
  async close(): Promise<void> {
    await this.#pieces.return?.()
  }

  async #hasBytes(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next()
      if (next.done) return false
      this.#piece = next.value
    }
    return true
  }
}

function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % UINT32, true)
  view.setUint32(offset + 4, Math.floor(value / UINT32), true)
}

/** Inexact from 2^53 up, and then not a safe integer either. */
function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * UINT32 + view.getUint32(offset, true)
}

function mismatch(problem: string, offset: number, detail?: string): WalError {
  return new WalError(
    'WALV_INDEX_MISMATCH',
    `${SNAPSHOT_FILE} cannot be loaded: ${problem} (offset ${offset})`,
    {
      file: SNAPSHOT_FILE,
      offset,
      detail,
    },
  )
}
