import { cut } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import type { SnapshotReader } from '../../index/vector-index.ts'
import type { SnapshotWriter } from '../../log/log.ts'
import { Generation } from './generation.ts'
import type { GraphEngine } from './graph.ts'
import { Scratch } from './scratch.ts'

/**
 * The graphs of a snapshot, beside the exact vectors. They save the work of building them again and
 * are of any moment between the freeze and the save: what changed meanwhile is left out here, and
 * made good from the vectors on loading.
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

/** Graphs as they were at one moment, to be written while they go on changing. */
export class CapturedGraphs {
  readonly #engine: GraphEngine
  readonly #graphs: { readonly header: GraphHeader; readonly file: Scratch; readonly pairs: Float64Array }[] =
    []
  readonly #files: Scratch[] = []

  /**
   * Has the engine write them, which blocks. `changed` are labels that may not have the vector that
   * is in the snapshot.
   */
  constructor(engine: GraphEngine, generations: readonly Generation[], changed: ReadonlySet<number>) {
    this.#engine = engine
    try {
      for (const generation of generations) this.#capture(generation, changed)
    } catch (cause) {
      this.close()
      throw scratchFailed(`${engine.kind} could not write its graph`, cause)
    }
  }

  #capture(generation: Generation, changed: ReadonlySet<number>): void {
    const { graph, nextKey } = generation
    // Of an empty graph there is nothing to save, and not every engine can.
    if (graph.save === undefined || graph.entries === 0) return
    const file = new Scratch()
    this.#files.push(file)
    graph.save(file.path)
    const pairs = pairsOf(generation, changed)
    const header = { bytes: file.bytes, entries: graph.entries, nextKey, pairs: pairs.length / 2 }
    this.#graphs.push({ file, pairs, header })
  }

  async save(files: SnapshotWriter): Promise<void> {
    const { kind, description } = this.#engine
    const header: Header = {
      version: VERSION,
      kind,
      description,
      graphs: this.#graphs.map((graph) => graph.header),
    }
    await files.write(HEADER_FILE, [Buffer.from(`${JSON.stringify(header)}\n`)])
    for (const [place, { file, pairs }] of this.#graphs.entries()) {
      await files.write(graphFile(place), file.pieces())
      await files.write(keysFile(place), encodePairs(pairs))
    }
  }

  close(): void {
    for (const file of this.#files) file.close()
  }
}

/** Label and key, one after the other. */
function pairsOf(generation: Generation, changed: ReadonlySet<number>): Float64Array {
  const pairs = new Float64Array(2 * generation.size)
  let at = 0
  for (const [label, key] of generation.pairs()) {
    if (changed.has(label)) continue
    pairs[at++] = label
    pairs[at++] = key
  }
  return pairs.subarray(0, at)
}

/**
 * Reads what `CapturedGraphs` wrote. A graph of another description, or that the engine does not
 * take, is not used: the answer is `unused`, the reason, and no graphs. `isKnown` tells of which
 * labels there are vectors.
 * @throws WALV_INDEX_MISMATCH if a file is not whole
 */
export async function loadGraphs(
  engine: GraphEngine,
  files: SnapshotReader,
  isKnown: (label: number) => boolean,
): Promise<{ readonly generations: Generation[]; readonly unused?: string }> {
  const header = await readHeader(files)
  const own = JSON.stringify(engine.description)
  const theirs = JSON.stringify(header.description)
  const generations: Generation[] = []
  for (const [place, graph] of header.graphs.entries()) {
    const pairs = await readPairs(files, place, graph.pairs)
    const file = await readGraph(files, place, graph.bytes)
    try {
      if (theirs !== own)
        return { generations: [], unused: `it was made with ${cut(theirs, 100)}, and this is ${own}` }
      generations.push(openGraph(engine, file, graph, pairs, isKnown))
    } catch (error) {
      return { generations: [], unused: (error as Error).message }
    } finally {
      file.close()
    }
  }
  return { generations }
}

function openGraph(
  engine: GraphEngine,
  file: Scratch,
  header: GraphHeader,
  pairs: Float64Array,
  isKnown: (label: number) => boolean,
): Generation {
  const graph = engine.make()
  graph.load?.(file.path)
  if (graph.entries !== header.entries)
    throw new Error(`it holds ${graph.entries} vectors, not ${header.entries}`)
  const generation = new Generation(graph, header.nextKey)
  for (let at = 0; at < pairs.length; at += 2) {
    const label = pairs[at]!
    if (!isKnown(label)) throw new Error(`it names label ${label}, which has no vector`)
    generation.adopt(label, pairs[at + 1]!)
  }
  return generation
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

async function readPairs(files: SnapshotReader, place: number, count: number): Promise<Float64Array> {
  const pieces: Buffer[] = []
  for await (const piece of files.read(keysFile(place))) pieces.push(Buffer.from(piece))
  const bytes = Buffer.concat(pieces)
  if (bytes.length !== count * PAIR_BYTES) {
    throw mismatch(keysFile(place), `it has ${bytes.length} bytes instead of ${count * PAIR_BYTES}`)
  }
  return Float64Array.from({ length: 2 * count }, (_, at) =>
    bytes.readDoubleLE(at * Float64Array.BYTES_PER_ELEMENT),
  )
}

const mismatch = (file: string, why: string, cause?: unknown): WalError =>
  new WalError('WALV_INDEX_MISMATCH', `${file} of the snapshot cannot be loaded: ${why}.`, { file, cause })
