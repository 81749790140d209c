import type { JsonValue, SnapshotFile } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { type ByteBuffer, byteBuffer, getUint64, setUint64 } from '../../format/byte-buffer.ts'
import { OF_NEWER_WALV } from '../newer-walv.ts'
import { type Block, numberedBlocks } from './catalog-layout-2.ts'
import {
  CHUNK_BYTES,
  idAt,
  RECORD_ALIGNMENT,
  type RecordAt,
  recordBytes,
  recordProblem,
  seqAt,
} from './entry-record.ts'

/**
 * The catalog of a snapshot, all numbers little-endian.
 *
 *     offset   bytes   content
 *     0        8       magic, ASCII "WALVCATA"
 *     8        4       u32, version of this layout: 3
 *     12       4       zero
 *     16       8       u64, count of ids
 *     24       8       u64, the label of the next new id
 *     32               blocks, until the file ends
 *
 * A block is a u32, its bytes behind these eight, a multiple of 8; a u32 of zero; then records back
 * to back, as `entry-record.ts` describes them, in the order of the ids. A block is loaded as it
 * stands. It holds 64 KiB at most, or one record that is larger.
 *
 * The file holds no checksum: who writes a snapshot hashes it, and who loads one has verified it.
 */
export const CATALOG_FILE = 'catalog.walvids'
/** Lines of JSON, which walv wrote at first: version 1. */
export const CATALOG_FILE_V1 = 'catalog.jsonl'

const MAGIC = 'WALVCATA'
const VERSION = 3
const VERSION_WITHOUT_NUMBERS = 2
const HEADER_BYTES = 32
const BLOCK_HEADER_BYTES = 8
const PIECE_BYTES = 1024 * 1024

/** The name of the catalog among the files of a snapshot; undefined where there is none. */
export const catalogAmong = (files: readonly Pick<SnapshotFile, 'name'>[]): string | undefined =>
  [CATALOG_FILE, CATALOG_FILE_V1].find((catalog) => files.some(({ name }) => name === catalog))

interface Header {
  readonly count: number
  readonly nextLabel: number
}

/** The file in pieces of at most 1 MiB; a piece is valid until the next is asked for. */
export function* encodeCatalog(
  { count, nextLabel }: Header,
  records: Iterable<RecordAt>,
): Generator<Uint8Array, void, void> {
  const header = byteBuffer(HEADER_BYTES)
  header.bytes.write(MAGIC, 'latin1')
  header.view.setUint32(8, VERSION, true)
  setUint64(header.view, 16, count)
  setUint64(header.view, 24, nextLabel)
  yield header.bytes
  const block = byteBuffer(BLOCK_HEADER_BYTES + CHUNK_BYTES)
  let used = BLOCK_HEADER_BYTES
  const finished = (): Uint8Array => {
    setBlockHeader(block, used - BLOCK_HEADER_BYTES)
    const bytes = block.bytes.subarray(0, used)
    used = BLOCK_HEADER_BYTES
    return bytes
  }
  for (const { memory, at } of records) {
    const bytes = recordBytes(memory, at)
    if (used + bytes > block.bytes.length && used > BLOCK_HEADER_BYTES) yield finished()
    if (bytes > CHUNK_BYTES) {
      yield* largeBlock(memory.bytes.subarray(at, at + bytes))
    } else {
      memory.bytes.copy(block.bytes, used, at, at + bytes)
      used += bytes
    }
  }
  if (used > BLOCK_HEADER_BYTES) yield finished()
}

function* largeBlock(record: Uint8Array): Generator<Uint8Array, void, void> {
  const header = byteBuffer(BLOCK_HEADER_BYTES)
  setBlockHeader(header, record.length)
  yield header.bytes
  for (let at = 0; at < record.length; at += PIECE_BYTES)
    yield new Uint8Array(record.subarray(at, at + PIECE_BYTES))
}

function setBlockHeader({ view }: ByteBuffer, bytes: number): void {
  view.setUint32(0, bytes, true)
  view.setUint32(4, 0, true)
}

/** Who takes what a catalog holds. */
export interface CatalogTarget {
  begin(header: Header): void
  /** A block of records. Answers what is wrong with it, if anything. */
  block(memory: ByteBuffer, bytes: number): string | undefined
  /** The same of one line of version 1. */
  line(label: number, id: string, json: string | null): string | undefined
  /** Called after each of them; what it returns, if anything, is awaited. */
  turn(): Promise<void> | undefined
}

/**
 * Reads a catalog of any version; its first byte tells which. Whether all ids came, the caller
 * counts. What is allocated follows what was read, and not what the file claims.
 * @throws WALV_INDEX_MISMATCH
 */
export async function decodeCatalog(pieces: AsyncIterable<Uint8Array>, target: CatalogTarget): Promise<void> {
  const source = new PieceSource(pieces)
  try {
    if ((await source.next()) !== MAGIC.charCodeAt(0)) await decodeLines(source.rest(), target)
    else await decodeBlocks(source, target)
  } finally {
    await source.close()
  }
}

/**
 * Calls `take` with each id that a catalog lists, of any version, and the number of its last
 * change, the largest that there is where it is not known.
 * @throws WALV_INDEX_MISMATCH
 */
export async function readCatalogNumbers(
  pieces: AsyncIterable<Uint8Array>,
  take: (id: string, seq: number) => void,
): Promise<void> {
  let nextLabel = 0
  await decodeCatalog(pieces, {
    begin: (header) => {
      nextLabel = header.nextLabel
    },
    block(memory, bytes) {
      for (let at = 0; at < bytes; at += recordBytes(memory, at)) {
        const problem = recordProblem(memory, at, bytes, nextLabel)
        if (problem !== undefined) return problem
        take(idAt({ memory, at }), seqAt({ memory, at }))
      }
      return undefined
    },
    line(_label, id) {
      take(id, Number.MAX_SAFE_INTEGER)
      return undefined
    },
    turn: () => undefined,
  })
}

async function decodeBlocks(source: PieceSource, target: CatalogTarget): Promise<void> {
  const { bytes, view } = await source.take(HEADER_BYTES, 'its header')
  if (bytes.toString('latin1', 0, 8) !== MAGIC) throw mismatch('its first 8 bytes are not "WALVCATA"')
  const version = view.getUint32(8, true)
  if (version !== VERSION_WITHOUT_NUMBERS) refuseVersion(version, VERSION)
  const count = getUint64(view, 16)
  const nextLabel = getUint64(view, 24)
  if (view.getUint32(12, true) !== 0 || Number.isNaN(count + nextLabel))
    throw mismatch('its header makes no sense')
  target.begin({ count, nextLabel })
  while ((await source.next()) !== undefined) {
    const header = await source.take(BLOCK_HEADER_BYTES, 'the header of a block')
    const length = header.view.getUint32(0, true)
    if (header.view.getUint32(4, true) !== 0 || length % RECORD_ALIGNMENT !== 0)
      throw mismatch('the header of a block makes no sense')
    const block = { memory: await source.take(length, 'a block'), bytes: length }
    for (const { memory, bytes } of version === VERSION ? [block] : blocksOf(block))
      refuse(target.block(memory, bytes))
    const waiting = target.turn()
    if (waiting) await waiting
  }
}

function* blocksOf(block: Block): Generator<Block, void, void> {
  refuse(yield* numberedBlocks(block))
}

async function decodeLines(pieces: AsyncIterable<Uint8Array>, target: CatalogTarget): Promise<void> {
  let isHeader = true
  for await (const line of linesOf(pieces)) {
    const value: unknown = JSON.parse(line)
    if (isHeader) {
      const header = value as Header & { readonly version: number }
      refuseVersion(header.version, 1)
      target.begin(header)
      isHeader = false
    } else {
      const [label, id, metadata] = value as [number, string, JsonValue]
      refuse(target.line(label, id, metadata === null ? null : JSON.stringify(metadata)))
      const waiting = target.turn()
      if (waiting) await waiting
    }
  }
}

function refuseVersion(version: number, known: number): void {
  if (version !== known) throw mismatch(`version ${version} is unknown to this walv`, OF_NEWER_WALV)
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw mismatch(problem)
}

export const mismatch = (why: string, detail?: string): WalError =>
  new WalError('WALV_INDEX_MISMATCH', `The catalog of the snapshot cannot be loaded: ${why}.`, {
    file: CATALOG_FILE,
    detail,
  })

async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

/** Bytes on demand from pieces of any length. */
class PieceSource {
  readonly #pieces: AsyncIterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** The byte that comes next, which stays; undefined at the end. */
  async next(): Promise<number | undefined> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next()
      if (next.done) return undefined
      this.#piece = next.value
    }
    return this.#piece[0]
  }

  /** So many bytes, in memory of their own. */
  async take(bytes: number, what: string): Promise<ByteBuffer> {
    let memory = byteBuffer(Math.min(bytes, PIECE_BYTES))
    let filled = 0
    while (filled < bytes) {
      if ((await this.next()) === undefined) throw mismatch(`it ends within ${what}`)
      if (filled === memory.bytes.length) memory = copied(memory, Math.min(bytes, 2 * filled))
      const taken = this.#piece.subarray(0, Math.min(bytes, memory.bytes.length) - filled)
      memory.bytes.set(taken, filled)
      filled += taken.length
      this.#piece = this.#piece.subarray(taken.length)
    }
    return memory
  }

  /** What is left, piece by piece. */
  async *rest(): AsyncGenerator<Uint8Array, void, void> {
    while ((await this.next()) !== undefined) {
      const piece = this.#piece
      this.#piece = piece.subarray(piece.length)
      yield piece
    }
  }

  /** Tells the pieces' owner that no more are wanted. */
  async close(): Promise<void> {
    await this.#pieces.return?.()
  }
}

function copied({ bytes }: ByteBuffer, length: number): ByteBuffer {
  const larger = byteBuffer(length)
  larger.bytes.set(bytes)
  return larger
}
