import { hash } from 'node:crypto'
import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import { swapUnlessLittleEndian } from '../byte-order.ts'

/** One element of the set: an id with what it stands for. */
export interface FingerprintItem {
  /** Well-formed Unicode. */
  readonly id: string
  readonly vector: Float32Array
  /**
   * The metadata as its JSON text, or `null` for none. The text is what counts: the same members in
   * another order make another item.
   */
  readonly metadata: string | null
}

/**
 * A fingerprint of a set that follows its changes: 128 bits, whatever the order in which items came
 * and went. Removing an item undoes adding it exactly. An item added twice counts twice.
 *
 * The value is the sum modulo 2^128 of one hash per item (AdHash; Bellare and Micciancio, "A New
 * Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost", 1997). An item's hash is
 * the first 16 bytes, as a little-endian number, of SHA-256 over
 *
 *     u32 id bytes · u32 dimensions · u32 metadata bytes, or 0xffffffff for none ·
 *     vector as float32 · id in UTF-8 · metadata in UTF-8
 *
 * with all numbers little-endian; the lengths come first, so no two items are the same bytes.
 *
 * Two sets that differ by accident, by a lost or doubled or altered item, have the same fingerprint
 * with probability 2^-128. It proves nothing against someone who chooses items in order to deceive:
 * sums of 128 bits can be collided on purpose.
 */
export class SetFingerprint {
  /** The sum, least significant limb first. */
  readonly #limbs = new Uint32Array(LIMBS)

  /** Continues from a `value`. Throws `WALV_INVALID_OPTION` if it is not one. */
  static from(value: string): SetFingerprint {
    if (!/^[0-9a-f]{32}$/.test(value)) {
      throw new WalError(
        'WALV_INVALID_OPTION',
        `a fingerprint is 32 hexadecimal digits in lower case, and this is ${echo(value)}`,
      )
    }
    const fingerprint = new SetFingerprint()
    for (let i = 0; i < LIMBS; i++) {
      fingerprint.#limbs[i] = Number.parseInt(value.slice(DIGITS - 8 * (i + 1), DIGITS - 8 * i), 16)
    }
    return fingerprint
  }

  /** 32 hexadecimal digits, most significant first; all zeros for the empty set. */
  get value(): string {
    return Array.from(this.#limbs, (limb) => limb.toString(16).padStart(8, '0'))
      .reverse()
      .join('')
  }

  add(item: FingerprintItem): void {
    const digest = digestOf(item)
    let carry = 0
    for (let i = 0; i < LIMBS; i++) {
      const sum = this.#limbs[i]! + limbOf(digest, i) + carry
      this.#limbs[i] = sum
      carry = sum >= LIMB_RANGE ? 1 : 0
    }
  }

  /** Undoes `add` of the same item, also where it was not added before. */
  remove(item: FingerprintItem): void {
    const digest = digestOf(item)
    let borrow = 0
    for (let i = 0; i < LIMBS; i++) {
      const difference = this.#limbs[i]! - limbOf(digest, i) - borrow
      this.#limbs[i] = difference
      borrow = difference < 0 ? 1 : 0
    }
  }

  equals(other: SetFingerprint): boolean {
    return this.#limbs.every((limb, i) => limb === other.#limbs[i])
  }
}

const LIMBS = 4
const LIMB_RANGE = 2 ** 32
const DIGITS = 32
const HEADER_BYTES = 12
const NO_METADATA = 0xffff_ffff
/**
 * Enough for ordinary items. A longer one gets a workspace of its own, so that it does not hold its
 * memory for ever.
 */
const WORKSPACE_BYTES = 64 * 1024

/** One piece of memory, seen as bytes and as the floats that follow the header. */
interface Workspace {
  readonly bytes: Buffer
  readonly floats: Float32Array
}

const shared = workspaceOf(WORKSPACE_BYTES)

function workspaceOf(bytes: number): Workspace {
  const memory = new ArrayBuffer(
    Math.ceil(bytes / Float32Array.BYTES_PER_ELEMENT) * Float32Array.BYTES_PER_ELEMENT,
  )
  return { bytes: Buffer.from(memory), floats: new Float32Array(memory, HEADER_BYTES) }
}

/**
 * SHA-256 of an item as a string with one character a byte, which comes out of the hash sooner than
 * a buffer does.
 */
function digestOf(item: FingerprintItem): string {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  const mostTextBytes = 3 * (item.id.length + (item.metadata?.length ?? 0))
  const mostBytes = HEADER_BYTES + item.vector.byteLength + mostTextBytes
  const workspace = mostBytes <= WORKSPACE_BYTES ? shared : workspaceOf(mostBytes)
  const length = encode(item, workspace)
  return hash('sha256', workspace.bytes.subarray(0, length), 'binary')
}

/** Returns how many bytes the encoding takes. */
function encode({ id, vector, metadata }: FingerprintItem, { bytes, floats }: Workspace): number {
  const idOffset = HEADER_BYTES + vector.byteLength
  floats.set(vector)
  swapUnlessLittleEndian(bytes.subarray(HEADER_BYTES, idOffset))
  const idBytes = bytes.write(id, idOffset)
  const metadataBytes = metadata === null ? 0 : bytes.write(metadata, idOffset + idBytes)
  bytes.writeUInt32LE(idBytes, 0)
  bytes.writeUInt32LE(vector.length, 4)
  bytes.writeUInt32LE(metadata === null ? NO_METADATA : metadataBytes, 8)
  return idOffset + idBytes + metadataBytes
}

/** The digest's bytes `4 * i` to `4 * i + 3` as a little-endian number. */
function limbOf(digest: string, i: number): number {
  const at = 4 * i
  const low = digest.charCodeAt(at) | (digest.charCodeAt(at + 1) << 8)
  const high = digest.charCodeAt(at + 2) | (digest.charCodeAt(at + 3) << 8)
  return ((high << 16) | low) >>> 0
}
