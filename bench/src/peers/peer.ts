/**
 * A store that takes vectors under ids. `append` resolves (or returns) when the vector is durable,
 * as far as the peer has such a thing.
 */
export interface Store {
  append(id: string, vector: Float32Array, metadata?: Metadata): unknown
  /** The same for several, as the peer's users would do it: one transaction or one batch. */
  appendBatch?(
    ids: readonly string[],
    vectors: readonly Float32Array[],
    metadata?: readonly Metadata[],
  ): unknown
  /** Takes all there are, in bounded memory, and resolves when they are durable. */
  appendAll?(items: Iterable<Item>): Promise<unknown>
  /** Of a group commit of ours: what it wrote since opening. */
  figures?(): WriteFigures
  close(): Promise<void>
}

/** Something small beside a vector. */
export type Metadata = { readonly [name: string]: string | number | boolean }

export interface Item {
  readonly id: string
  readonly vector: Float32Array
  readonly metadata?: Metadata
}

export interface WriteFigures {
  readonly groups: number
  readonly syncs: number
  readonly bytesWritten: number
}

export interface OpenOptions {
  readonly dimensions: number
  /** Of a durable index. Default `flat`. */
  readonly engine?: Engine
  /** For walv only: passed on to `Wal.open`. */
  readonly walv?: object
}

export type Engine = 'flat' | 'usearch'

/** What we are measured against. Each is a module that exports one of these as `peer`. */
export interface Peer {
  /**
   * A peer that claims power safety is refused unless every acknowledged append was seen to be
   * synced.
   */
  readonly claimsPowerSafety: boolean
  /** How a durable append is made. */
  readonly how: string
  /** Opens it in an empty directory. */
  open(directory: string, options: OpenOptions): Promise<Store>
}

/** The bytes of a vector, not copied. */
export const bytesOf = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)

/** A vector and the text of its metadata, for a store that takes bytes and nothing else. */
export function bytesWith(vector: Float32Array, metadata: Metadata | undefined): Buffer {
  const bytes = bytesOf(vector)
  return metadata === undefined ? bytes : Buffer.concat([bytes, Buffer.from(JSON.stringify(metadata))])
}
