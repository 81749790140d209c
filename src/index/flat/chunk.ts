import type { Block } from '../kernel/arena.ts'

/**
 * Bytes of vectors in one chunk: what one piece of a snapshot holds, and what an almost empty index
 * takes.
 */
const CHUNK_BYTES = 1024 * 1024
/** Bounds what stands beside the vectors where they are short. */
export const MAX_CHUNK_ROWS = 4096

/** How many vectors are kept, written and read together. */
export function rowsPerChunk(dimensions: number): number {
  const rowBytes = Math.max(1, dimensions) * Float32Array.BYTES_PER_ELEMENT
  return Math.min(MAX_CHUNK_ROWS, Math.floor(CHUNK_BYTES / rowBytes))
}

/**
 * Rows of vectors with their labels in one piece of memory, which threads share: the labels, the
 * vectors, the scales.
 */
export interface Chunk {
  readonly address: number
  /** Where the vectors are in the memory that kernels work in. */
  readonly vectorsAddress: number
  readonly labels: Float64Array
  readonly vectors: Float32Array
  /** What `Screen` needs to know of each row. */
  readonly scales: Float32Array
}

export interface OwnChunk extends Chunk {
  readonly block: Block
}

export function chunkBytes(dimensions: number): number {
  const rows = rowsPerChunk(dimensions)
  return rows * (Float64Array.BYTES_PER_ELEMENT + (dimensions + 1) * Float32Array.BYTES_PER_ELEMENT)
}

export function chunkAt(buffer: ArrayBufferLike, address: number, dimensions: number): Chunk {
  const rows = rowsPerChunk(dimensions)
  const vectorsAddress = address + rows * Float64Array.BYTES_PER_ELEMENT
  const scalesAddress = vectorsAddress + rows * dimensions * Float32Array.BYTES_PER_ELEMENT
  return {
    address,
    vectorsAddress,
    labels: new Float64Array(buffer, address, rows),
    vectors: new Float32Array(buffer, vectorsAddress, rows * dimensions),
    scales: new Float32Array(buffer, scalesAddress, rows),
  }
}
