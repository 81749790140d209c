import { nextTurn } from '../../clock.ts'
import { cut } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import type { LongWork, SnapshotReader } from '../../index/vector-index.ts'
import type { SnapshotWriter } from '../../log/log.ts'
import { Generation } from './generation.ts'
import type { GraphEngine } from './graph.ts'
import type { GraphHost } from './host.ts'
import { Scratch } from './scratch.ts'

/**
 * The graphs of a snapshot, beside the exact vectors. They save the work of building them again and
 * are of any moment between the freeze and the save: what changed meanwhile is left out here, and
 * made good from the vectors after loading.
 *
 *     graph.json      the header: what wrote it, and of each graph: bytes, entries, nextKey, and
 *                     the count of pairs in the file of keys
 *     graph-0.native  the engine's own file; graph-1.native where one is replacing another
 *     graph-0.keys    float64, little-endian: label and key of each vector that is in the graph
 *                     as it is in the snapshot
 */
const HEADER_FILE = 'graph.json'
const graphFile = (place: number): string => `graph-${place}.native`
const keysFile = (place: number): string => `graph-${place}.keys`

const VERSION = 1
const PAIR_BYTES = 16
const PAIRS_PER_PIECE = 8192

interface Header {
  readonly version: number
  readonly kind: string
  readonly description: Readonly<Record<string, string | number>>
  readonly graphs: readonly GraphHeader[]
}

interface GraphHeader {
  readonly bytes: number
  readonly entries: number
  readonly nextKey: number
  readonly pairs: number
}

interface WrittenGraphFile {
  readonly header: GraphHeader
  readonly file: Scratch
  readonly pairs: Float64Array
}

/** Graphs as they were at one moment, to be saved while they go on changing. */
export class WrittenGraphs {
  readonly #graphs: WrittenGraphFile[] = []

  /** Has the host write one. */
  async write(host: GraphHost, generation: Generation, changed: ReadonlySet<number>): Promise<void> {
    const file = new Scratch()
    let isKept = false
    try {
      const written = await host.save(generation.number, file.path)
      if (written === undefined) return
      const { entries, nextKey } = written
      const pairs = await pairsOf(generation, changed, nextKey)
      const header = { bytes: file.bytes, entries, nextKey, pairs: pairs.length / 2 }
      this.#graphs.push({ file, pairs, header })
      isKept = true
    } finally {
      if (!isKept) file.close()
    }
  }

  async save({ kind, description }: GraphEngine, files: SnapshotWriter): Promise<void> {
    const graphs = this.#graphs.map(({ header }) => header)
    const header: Header = { version: VERSION, kind, description, graphs }
    await files.write(HEADER_FILE, [Buffer.from(`${JSON.stringify(header)}\n`)])
    for (const [place, { file, pairs }] of this.#graphs.entries()) {
      await files.write(graphFile(place), file.pieces())
      await files.write(keysFile(place), encodePairs(pairs))
    }
  }

  close(): void {
    for (const { file } of this.#graphs) file.close()
  }
}

/**
 * Has a host write graphs. `changed` are labels that may not have the vector that is in the
 * snapshot, and may grow meanwhile.
 */
export async function captureGraphs(
  kind: string,
  host: GraphHost | undefined,
  generations: readonly Generation[],
  changed: ReadonlySet<number>,
): Promise<WrittenGraphs> {
  const graphs = new WrittenGraphs()
  if (host === undefined) return graphs
  try {
    for (const generation of generations) await graphs.write(host, generation, changed)
    return graphs
  } catch (cause) {
    graphs.close()
    throw scratchFailed(`${kind} could not write its graph`, cause)
  }
}

/**
 * Label and key, one after the other, of the vectors that were in a graph when it was written: with
 * a key below `nextKey`. Whatever changes meanwhile, what is taken is right.
 */
async function pairsOf(
  generation: Generation,
  changed: ReadonlySet<number>,
  nextKey: number,
): Promise<Float64Array> {
  let pairs = new Float64Array(2 * generation.size)
  let at = 0
  let looked = 0
  for (const [label, key] of generation.pairs()) {
    if (++looked % PAIRS_PER_PIECE === 0) await nextTurn()
    if (key >= nextKey || changed.has(label)) continue
    if (at === pairs.length) pairs = grown(pairs)
    pairs[at++] = label
    pairs[at++] = key
  }
  return pairs.subarray(0, at)
}

function grown(pairs: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * pairs.length + 2)
  larger.set(pairs)
  return larger
}

/** A graph of a snapshot, which an engine is to load. */
export interface LoadedGraph {
  readonly generation: Generation
  /** To be closed when it is loaded. */
  readonly file: Scratch
  /** How many vectors the engine has to find in it. */
  readonly entries: number
}

export interface ReadGraphs {
  readonly graphs: readonly LoadedGraph[]
  /** Why those of the snapshot are not used, if they are not. */
  readonly unused?: string
}

/** What reading graphs needs to know of an index. */
export interface GraphOwner {
  readonly engine: GraphEngine
  /** Whether there is a vector of a label. */
  isKnown(label: number): boolean
  /** Gives out the number of a new graph. */
  newNumber(): number
}

/**
 * Reads what `WrittenGraphs` saved, but for the engine's part, which is left to it. A graph of
 * another description is not used.
 * @throws WALV_INDEX_MISMATCH if a file is not whole
 */
export async function readGraphs(
  owner: GraphOwner,
  files: SnapshotReader,
  work: LongWork | undefined,
): Promise<ReadGraphs> {
  const header = await readHeader(files)
  const own = JSON.stringify(owner.engine.description)
  const theirs = JSON.stringify(header.description)
  const graphs: LoadedGraph[] = []
  let unused: string | undefined
  try {
    for (const [place, each] of header.graphs.entries()) {
      const generation = new Generation(owner.newNumber(), each.nextKey)
      const strange = await readPairs(files, place, each.pairs, owner, generation, work)
      graphs.push({ generation, file: await readGraph(files, place, each.bytes), entries: each.entries })
      if (theirs !== own) unused = `it was made with ${cut(theirs, 100)}, and this is ${own}`
      else if (strange !== undefined) unused = `it names label ${strange}, which has no vector`
      if (unused !== undefined) break
    }
  } catch (error) {
    closeAll(graphs)
    throw error
  }
  if (unused === undefined) return { graphs }
  closeAll(graphs)
  return { graphs: [], unused }
}

export function closeAll(graphs: readonly LoadedGraph[]): void {
  for (const { file } of graphs) file.close()
}

async function readHeader(files: SnapshotReader): Promise<Header> {
  const pieces: Buffer[] = []
  for await (const piece of files.read(HEADER_FILE)) pieces.push(Buffer.from(piece))
  let header: Header
  try {
    header = JSON.parse(Buffer.concat(pieces).toString('utf8'))
  } catch (cause) {
    throw mismatch(HEADER_FILE, 'it is not whole', cause)
  }
  if (header.version !== VERSION) {
    throw mismatch(HEADER_FILE, `version ${header.version} is unknown to this walv`)
  }
  return header
}

async function readGraph(files: SnapshotReader, place: number, bytes: number): Promise<Scratch> {
  const name = graphFile(place)
  let file: Scratch | undefined
  try {
    file = new Scratch()
    for await (const piece of files.read(name)) file.append(piece)
    // The engine sees no file that is not whole.
    if (file.bytes !== bytes) throw mismatch(name, `it has ${file.bytes} bytes instead of ${bytes}`)
    return file
  } catch (error) {
    file?.close()
    throw error instanceof WalError
      ? error
      : scratchFailed(`${name} of the snapshot could not be copied`, error)
  }
}

const scratchFailed = (what: string, cause: unknown): WalError => {
  const remedy = 'Make room there, or set TMPDIR to a folder that has it'
  return new WalError('WALV_IO', `${what} to a temporary file: ${(cause as Error).message}. ${remedy}.`, {
    cause,
  })
}

function* encodePairs(pairs: Float64Array): Generator<Uint8Array, void, void> {
  for (let from = 0; from < pairs.length; from += 2 * PAIRS_PER_PIECE) {
    const numbers = pairs.subarray(from, from + 2 * PAIRS_PER_PIECE)
    const view = new DataView(new ArrayBuffer(numbers.length * Float64Array.BYTES_PER_ELEMENT))
    for (const [at, number] of numbers.entries())
      view.setFloat64(at * Float64Array.BYTES_PER_ELEMENT, number, true)
    yield new Uint8Array(view.buffer)
  }
}

/** Fills a generation. Returns a label that is not known, if there is one. */
async function readPairs(
  files: SnapshotReader,
  place: number,
  count: number,
  owner: GraphOwner,
  generation: Generation,
  work: LongWork | undefined,
): Promise<number | undefined> {
  let strange: number | undefined
  let read = 0
  let bytesRead = 0
  let rest: Uint8Array = new Uint8Array(0)
  for await (const piece of files.read(keysFile(place))) {
    bytesRead += piece.length
    const bytes = Buffer.concat([rest, piece])
    const whole = bytes.length - (bytes.length % PAIR_BYTES)
    for (let at = 0; at < whole; at += PAIR_BYTES) {
      const label = bytes.readDoubleLE(at)
      if (owner.isKnown(label)) generation.adopt(label, bytes.readDoubleLE(at + 8))
      else strange ??= label
      if (++read % PAIRS_PER_PIECE === 0) await work?.step(read, count)
    }
    rest = bytes.subarray(whole)
  }
  if (bytesRead !== count * PAIR_BYTES)
    throw mismatch(keysFile(place), `it has ${bytesRead} bytes instead of ${count * PAIR_BYTES}`)
  return strange
}

const mismatch = (file: string, why: string, cause?: unknown): WalError =>
  new WalError('WALV_INDEX_MISMATCH', `${file} of the snapshot cannot be loaded: ${why}.`, { file, cause })
