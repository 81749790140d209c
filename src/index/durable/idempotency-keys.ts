import type { SnapshotFile } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { alignUp, byteBuffer, getUint64, setUint64 } from '../../format/byte-buffer.ts'
import type { ChangeKey } from '../../format/condition.ts'
import { IDEMPOTENCY_WINDOW_MS, MAX_IDEMPOTENCY_KEY_BYTES, MAX_IDEMPOTENCY_KEYS } from '../../limits.ts'

/**
 * The keys in a snapshot, where there are any. All numbers are little-endian.
 *
 *     offset   bytes   content
 *     0        8       magic, ASCII "WALVKEYS"
 *     8        4       u32, version of this layout: 1
 *     12       4       u32, count of keys
 *     16               one record for each, in the order in which they took effect
 *
 *     0        8       u64, where it took effect: the number of the record, or of the commit
 *     8        8       u64, when that was logged
 *     16       16      what the change was, as the condition says it
 *     32       1       of a deletion alone: 1 if its id was not there, 2 if it was; else 0
 *     33       1       u8, bytes of the key
 *     34               the key in UTF-8, zeros to a multiple of 8
 */
export const KEYS_FILE = 'keys.walvkeys'

/** Whether a snapshot has some. */
export const hasKeys = (files: readonly Pick<SnapshotFile, 'name'>[]): boolean =>
  files.some(({ name }) => name === KEYS_FILE)

const MAGIC = 'WALVKEYS'
const VERSION = 1
const HEADER_BYTES = 16
const RECORD_BYTES = 34
const DIGEST_BYTES = 16
const EXISTED: readonly (boolean | undefined)[] = [undefined, false, true]

/** What is remembered of a change that took effect under a key. */
export interface KeptKey {
  readonly seq: number
  readonly timestamp: number
  readonly digest: string
  /** Whether the id of a deletion that stood alone was there. */
  readonly existed: boolean | undefined
}

/**
 * The idempotency keys of the changes that took effect, for as long as a window of the log's time,
 * and so many at most. A function of what the log holds: every reader has the same at each place.
 */
export class IdempotencyKeys {
  /** In the order of the log, in which times never decrease. */
  #kept = new Map<string, KeptKey>()

  get size(): number {
    return this.#kept.size
  }

  /** What took effect under a key, where that counts for what is logged at this time. */
  find(text: string, timestamp: number): KeptKey | undefined {
    const kept = this.#kept.get(text)
    return kept && timestamp - kept.timestamp < IDEMPOTENCY_WINDOW_MS ? kept : undefined
  }

  /** A change takes effect under this key. */
  note({ text, digest }: ChangeKey, kept: Omit<KeptKey, 'digest'>): void {
    const { timestamp } = kept
    // Behind all others, also where it was there and its time is over.
    this.#kept.delete(text)
    this.#kept.set(text, { ...kept, digest })
    for (const [oldest, { timestamp: then }] of this.#kept) {
      if (this.#kept.size <= MAX_IDEMPOTENCY_KEYS && timestamp - then < IDEMPOTENCY_WINDOW_MS) break
      this.#kept.delete(oldest)
    }
  }

  /** Makes it what another is. */
  replace(other: IdempotencyKeys): void {
    this.#kept = new Map(other.#kept)
  }

  /** The bytes of its file at this moment; undefined where there is no key. */
  freeze(): Uint8Array | undefined {
    if (this.#kept.size === 0) return undefined
    const texts = Array.from(this.#kept.keys(), (text) => Buffer.from(text))
    const bytes = texts.reduce((sum, text) => sum + alignUp(RECORD_BYTES + text.length, 8), HEADER_BYTES)
    const { bytes: file, view } = byteBuffer(bytes)
    file.write(MAGIC, 'latin1')
    view.setUint32(8, VERSION, true)
    view.setUint32(12, texts.length, true)
    let at = HEADER_BYTES
    let place = 0
    for (const { seq, timestamp, digest, existed } of this.#kept.values()) {
      const text = texts[place++]!
      setUint64(view, at, seq)
      setUint64(view, at + 8, timestamp)
      file.write(digest, at + 16, 'hex')
      file[at + 32] = EXISTED.indexOf(existed)
      file[at + 33] = text.length
      text.copy(file, at + RECORD_BYTES)
      at += alignUp(RECORD_BYTES + text.length, 8)
    }
    return file
  }

  /**
   * Takes what a snapshot has in the place of what it has. `lastSeq`: through which record the
   * snapshot reaches; a number beyond it is of the log that this one was forked from.
   * @throws WALV_INDEX_MISMATCH
   */
  async load(pieces: AsyncIterable<Uint8Array>, lastSeq: number): Promise<void> {
    const parts: Buffer[] = []
    for await (const piece of pieces) parts.push(Buffer.from(piece))
    const file = Buffer.concat(parts)
    const view = new DataView(file.buffer, file.byteOffset, file.length)
    if (file.length < HEADER_BYTES || file.toString('latin1', 0, 8) !== MAGIC)
      throw mismatch('its first 8 bytes are not "WALVKEYS"')
    if (view.getUint32(8, true) !== VERSION) throw mismatch(`version ${view.getUint32(8, true)} is unknown`)
    const kept = new Map<string, KeptKey>()
    let at = HEADER_BYTES
    for (let left = view.getUint32(12, true); left > 0; left--) {
      const length = at + RECORD_BYTES > file.length ? 0 : file[at + 33]!
      const end = at + alignUp(RECORD_BYTES + length, 8)
      if (length === 0 || length > MAX_IDEMPOTENCY_KEY_BYTES || end > file.length || file[at + 32]! > 2)
        throw mismatch('a record makes no sense')
      const start = at + RECORD_BYTES
      kept.set(file.toString('utf8', start, start + length), {
        seq: Math.min(getUint64(view, at), lastSeq),
        timestamp: getUint64(view, at + 8),
        digest: file.toString('hex', at + 16, at + 16 + DIGEST_BYTES),
        existed: EXISTED[file[at + 32]!],
      })
      at = end
    }
    if (at !== file.length) throw mismatch('something stands behind its end')
    this.#kept = kept
  }
}

const mismatch = (why: string): WalError =>
  new WalError('WALV_INDEX_MISMATCH', `The idempotency keys of the snapshot cannot be loaded: ${why}.`, {
    file: KEYS_FILE,
  })
