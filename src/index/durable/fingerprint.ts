import { createHash } from 'node:crypto'
import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import { writeUtf8 } from '../../format/short-text.ts'
import { hostIsLittleEndian, swapUnlessLittleEndian } from '../byte-order.ts'
import { allocate, type Block, release } from '../kernel/arena.ts'
import { xxh3Of } from '../kernel/xxh3.ts'

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

/** Id and metadata of an item in UTF-8, one behind the other, as a catalog has them in memory. */
export interface StoredTexts {
  /** Little-endian. */
  readonly words: Int32Array
  /** The word that the id begins with. */
  readonly at: number
  readonly idBytes: number
  readonly metadataBytes: number | null
}

/**
 * A fingerprint of a set that follows its changes: 128 bits, whatever the order in which items came
 * and went. Removing an item undoes adding it exactly. An item added twice counts twice.
 *
 * The value is the sum modulo 2^128 of one hash per item (AdHash; Bellare and Micciancio, "A New
 * Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost", 1997). An item's hash is
 * XXH3_128bits, seed 0 (xxHash 0.8), over
 *
 *     u32 id bytes · u32 dimensions · u32 metadata bytes, or 0xffffffff for none ·
 *     vector as float32 · id in UTF-8 · metadata in UTF-8 · zeros, where it is shorter, to 256
 *
 * bytes, with all numbers little-endian; the lengths come first, so no two items are the same
 * bytes. This is version 2. Version 1, which snapshots of before have, takes the first 16 bytes of
 * SHA-256 over the same bytes without the zeros at the end, for nine times the processor time.
 *
 * Two sets that differ by accident, by a lost or doubled or altered item, have the same fingerprint
 * with probability 2^-128. It proves nothing against someone who chooses items in order to deceive:
 * sums of 128 bits can be collided on purpose.
 */
export class SetFingerprint {
  /** The sum, least significant limb first. */
  readonly #limbs = new Uint32Array(LIMBS)
  readonly #version: FingerprintVersion

  constructor(version: FingerprintVersion = FINGERPRINT_VERSION) {
    this.#version = version
  }

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
    this.#add(hashOf(item, this.#version))
  }

  /**
   * The same of an item whose texts are ASCII; false, and nothing is added, if they are not, or are
   * long, or the fingerprint is of another version.
   */
  addStored(vector: Float32Array, texts: StoredTexts): boolean {
    const hash = this.#version === FINGERPRINT_VERSION ? hashOfStored(vector, texts) : undefined
    if (hash) this.#add(hash)
    return hash !== undefined
  }

  #add(hash: DataView): void {
    let carry = 0
    for (let i = 0; i < LIMBS; i++) {
      const sum = this.#limbs[i]! + hash.getUint32(4 * i, true) + carry
      this.#limbs[i] = sum
      carry = sum >= LIMB_RANGE ? 1 : 0
    }
  }

  /** Undoes `add` of the same item, also where it was not added before. */
  remove(item: FingerprintItem): void {
    const hash = hashOf(item, this.#version)
    let borrow = 0
    for (let i = 0; i < LIMBS; i++) {
      const difference = this.#limbs[i]! - hash.getUint32(4 * i, true) - borrow
      this.#limbs[i] = difference
      borrow = difference < 0 ? 1 : 0
    }
  }

  equals(other: SetFingerprint): boolean {
    return this.#limbs.every((limb, i) => limb === other.#limbs[i])
  }
}

/** Which definition a fingerprint has: a snapshot names it beside the value. */
export type FingerprintVersion = 1 | 2

export const FINGERPRINT_VERSION = 2

const LIMBS = 4
const LIMB_RANGE = 2 ** 32
const DIGITS = 32
const HEADER_BYTES = 12
const NO_METADATA = 0xffff_ffff
/** In any of four bytes. */
const NOT_ASCII = 0x8080_8080
/** XXH3 takes a way of its own below 241. */
const LEAST_BYTES = 256
/**
 * The item is behind its hash, and its vector at a multiple of 16: shared memory that is not
 * aligned as its source is copied byte by byte.
 */
const ITEM_AT = 64 + 16 - HEADER_BYTES
/**
 * Enough for ordinary items. A longer one gets a workspace of its own, so that it does not hold its
 * memory for ever.
 */
const WORKSPACE_BYTES = 64 * 1024

/** Memory for a hash, and the item that it is of behind it. */
interface Workspace {
  readonly block: Block
  readonly hash: DataView
  readonly bytes: Buffer
  readonly lengths: Uint32Array
  readonly floats: Float32Array
  readonly words: Int32Array
}

let shared: Workspace | undefined

function workspaceOf(bytes: number): Workspace {
  const block = allocate(bytes)
  const { buffer, address } = block
  return {
    block,
    hash: new DataView(buffer, address, 4 * LIMBS),
    bytes: Buffer.from(buffer as ArrayBuffer, address + ITEM_AT, block.bytes - ITEM_AT),
    lengths: new Uint32Array(buffer, address + ITEM_AT, HEADER_BYTES / 4),
    floats: new Float32Array(
      buffer,
      address + ITEM_AT + HEADER_BYTES,
      (block.bytes - ITEM_AT - HEADER_BYTES) / 4,
    ),
    words: new Int32Array(buffer, address + ITEM_AT, (block.bytes - ITEM_AT) / 4),
  }
}

/** An item's hash, little-endian; valid until the next. */
function hashOf(item: FingerprintItem, version: FingerprintVersion): DataView {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  const mostTextBytes = 3 * (item.id.length + (item.metadata?.length ?? 0))
  const mostBytes = ITEM_AT + LEAST_BYTES + item.vector.byteLength + mostTextBytes
  if (mostBytes <= WORKSPACE_BYTES) {
    shared ??= workspaceOf(WORKSPACE_BYTES)
    return hashIn(shared, item, version)
  }
  const own = workspaceOf(mostBytes)
  const { buffer, byteOffset, byteLength } = hashIn(own, item, version)
  const hash = new DataView(buffer.slice(byteOffset, byteOffset + byteLength))
  release(own.block)
  return hash
}

function hashIn(workspace: Workspace, item: FingerprintItem, version: FingerprintVersion): DataView {
  const length = encode(item, workspace)
  return version === 1 ? sha256Of(workspace.bytes.subarray(0, length)) : xxh3In(workspace, length)
}

/** Of what is encoded in so many bytes. */
function xxh3In({ block, hash, bytes }: Workspace, length: number): DataView {
  const padded = Math.max(length, LEAST_BYTES)
  if (padded > length) bytes.fill(0, length, padded)
  if (block.region) block.region.kernel.hash128(block.address + ITEM_AT, padded, block.address)
  else setUint128(hash, xxh3Of(bytes.subarray(0, padded)))
  return hash
}

/** Undefined where it has to be encoded from its texts. */
function hashOfStored(vector: Float32Array, texts: StoredTexts): DataView | undefined {
  const { words, at, idBytes, metadataBytes } = texts
  const textBytes = idBytes + (metadataBytes ?? 0)
  const textAt = HEADER_BYTES + vector.byteLength
  if (!hostIsLittleEndian || ITEM_AT + LEAST_BYTES + textAt + textBytes > WORKSPACE_BYTES) return undefined
  shared ??= workspaceOf(WORKSPACE_BYTES)
  const { lengths, floats, words: target } = shared
  const to = textAt / Int32Array.BYTES_PER_ELEMENT
  const count = Math.ceil(textBytes / Int32Array.BYTES_PER_ELEMENT)
  let bits = 0
  for (let i = 0; i < count; i++) {
    const word = words[at + i]!
    bits |= word
    target[to + i] = word
  }
  if ((bits & NOT_ASCII) !== 0) return undefined
  floats.set(vector)
  setLengths(lengths, idBytes, vector.length, metadataBytes)
  return xxh3In(shared, textAt + textBytes)
}

function setLengths(lengths: Uint32Array, id: number, dimensions: number, metadata: number | null): void {
  lengths[0] = id
  lengths[1] = dimensions
  lengths[2] = metadata ?? NO_METADATA
}

function sha256Of(bytes: Buffer): DataView {
  const { buffer, byteOffset, byteLength } = createHash('sha256').update(bytes).digest()
  return new DataView(buffer, byteOffset, byteLength)
}

function setUint128(target: DataView, value: bigint): void {
  target.setBigUint64(0, BigInt.asUintN(64, value), true)
  target.setBigUint64(8, value >> 64n, true)
}

/** Returns how many bytes the encoding takes. */
function encode({ id, vector, metadata }: FingerprintItem, { bytes, lengths, floats }: Workspace): number {
  const idOffset = HEADER_BYTES + vector.byteLength
  floats.set(vector)
  const idBytes = writeUtf8(bytes, id, idOffset)
  const metadataBytes = metadata === null ? 0 : writeUtf8(bytes, metadata, idOffset + idBytes)
  setLengths(lengths, idBytes, vector.length, metadata === null ? null : metadataBytes)
  if (!hostIsLittleEndian) swapUnlessLittleEndian(bytes.subarray(0, idOffset))
  return idOffset + idBytes + metadataBytes
}
