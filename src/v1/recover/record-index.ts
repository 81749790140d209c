import type { V1Entry, V1Record } from '../format/entry.ts'

export interface V1Marker {
  readonly type: 'beginTransaction' | 'commitTransaction' | 'abortTransaction'
  readonly transactionId: bigint
}

/** Records that stand behind one header. */
export interface V1Section {
  readonly file: string
  /** Number of its first record in the file, and of its last. */
  readonly firstSeq: bigint
  lastSeq: bigint
}

/**
 * Where every record is, in 20 bytes each, by its position in the file order; and what a recovery
 * must know of some.
 */
export class RecordIndex {
  #seqs = new BigUint64Array(1024)
  #offsets = new Float64Array(1024)
  #sections = new Uint32Array(1024)
  length = 0
  readonly sections: V1Section[] = []
  readonly markers: Map<number, V1Marker> = new Map()
  readonly checkpoints: Set<number> = new Set()
  #lastSection = -1

  add({ seq, entry, file, offset }: V1Record, section: number): void {
    const position = this.length++
    if (position === this.#seqs.length) this.#grow()
    if (section !== this.#lastSection) this.sections.push({ file, firstSeq: seq, lastSeq: seq })
    this.#lastSection = section
    this.sections.at(-1)!.lastSeq = seq
    this.#seqs[position] = seq
    this.#offsets[position] = offset
    this.#sections[position] = this.sections.length - 1
    if (isMarker(entry)) this.markers.set(position, { type: entry.type, transactionId: entry.transactionId })
    if (entry.type === 'checkpoint') this.checkpoints.add(position)
  }

  seq(position: number): bigint {
    return this.#seqs[position]!
  }

  offset(position: number): number {
    return this.#offsets[position]!
  }

  /** Index into `sections`. */
  section(position: number): number {
    return this.#sections[position]!
  }

  #grow(): void {
    const { length } = this
    const [seqs, offsets, sections] = [this.#seqs, this.#offsets, this.#sections]
    this.#seqs = new BigUint64Array(length * 2)
    this.#offsets = new Float64Array(length * 2)
    this.#sections = new Uint32Array(length * 2)
    this.#seqs.set(seqs)
    this.#offsets.set(offsets)
    this.#sections.set(sections)
  }
}

const isMarker = (entry: V1Entry): entry is V1Entry & V1Marker => 'transactionId' in entry
