import type { SnapshotFile } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { byteBuffer, getUint64, setUint64 } from '../../format/byte-buffer.ts'

/**
 * The places without effect in a snapshot, where there are any. All numbers are little-endian.
 *
 *     offset   bytes   content
 *     0        8       magic, ASCII "WALVVOID"
 *     8        4       u32, version of this layout: 1
 *     12       4       u32, count of places
 *     16       8       u64, of the places before this one nothing is known
 *     24               u64 for each place, in the order of the log
 */
export const VOIDS_FILE = 'voids.walvvoids'

const MAGIC = 'WALVVOID'
const VERSION = 1
const HEADER_BYTES = 24

/** So many are remembered. */
const MAX_VOIDS = 65_536

/**
 * The places in a log whose changes had no effect, since one of them was not possible there. With a
 * log of one writer there are hardly any. Snapshots have them, too: who reads the log from before a
 * snapshot on could not tell them otherwise, since what the ids were there is not kept.
 */
export class Voids {
  /** Of the places before this one nothing is known. */
  knownFrom = 0
  #seqs = new Set<number>()

  add(seq: number): void {
    this.#seqs.add(seq)
    if (this.#seqs.size <= MAX_VOIDS) return
    const [oldest] = this.#seqs
    this.#seqs.delete(oldest!)
    this.knownFrom = Math.max(this.knownFrom, oldest! + 1)
  }

  has(seq: number): boolean {
    return this.#seqs.has(seq)
  }

  /** Makes it what another is. */
  replace(other: Voids): void {
    this.knownFrom = other.knownFrom
    this.#seqs = new Set(other.#seqs)
  }

  /** The bytes of its file at this moment; undefined where there is nothing to say. */
  freeze(): Uint8Array | undefined {
    if (this.#seqs.size === 0 && this.knownFrom === 0) return undefined
    const { bytes, view } = byteBuffer(HEADER_BYTES + 8 * this.#seqs.size)
    bytes.write(MAGIC, 'latin1')
    view.setUint32(8, VERSION, true)
    view.setUint32(12, this.#seqs.size, true)
    setUint64(view, 16, this.knownFrom)
    let at = HEADER_BYTES
    for (const seq of this.#seqs) {
      setUint64(view, at, seq)
      at += 8
    }
    return bytes
  }

  /**
   * Takes what the files of a snapshot have. `lastSeq`: through which record the snapshot reaches;
   * a number beyond it is of the log that this one was forked from.
   * @throws WALV_INDEX_MISMATCH
   */
  async load(
    files: readonly Pick<SnapshotFile, 'name'>[],
    read: (name: string) => AsyncIterable<Uint8Array>,
    lastSeq: number,
  ): Promise<void> {
    this.knownFrom = 0
    this.#seqs = new Set()
    if (!files.some(({ name }) => name === VOIDS_FILE)) return
    const parts: Buffer[] = []
    for await (const piece of read(VOIDS_FILE)) parts.push(Buffer.from(piece))
    const file = Buffer.concat(parts)
    const view = new DataView(file.buffer, file.byteOffset, file.length)
    if (file.length < HEADER_BYTES || file.toString('latin1', 0, 8) !== MAGIC)
      throw mismatch('its first 8 bytes are not "WALVVOID"')
    if (view.getUint32(8, true) !== VERSION) throw mismatch(`version ${view.getUint32(8, true)} is unknown`)
    if (file.length !== HEADER_BYTES + 8 * view.getUint32(12, true)) throw mismatch('its length is not right')
    this.knownFrom = Math.min(getUint64(view, 16), lastSeq + 1)
    for (let at = HEADER_BYTES; at < file.length; at += 8) {
      const seq = getUint64(view, at)
      if (seq <= lastSeq) this.#seqs.add(seq)
    }
  }
}

const mismatch = (why: string): WalError =>
  new WalError('WALV_INDEX_MISMATCH', `The places without effect of the snapshot cannot be loaded: ${why}.`, {
    file: VOIDS_FILE,
  })
