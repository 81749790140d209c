/**
 * Memory seen as bytes, numbers, words and floats at once, so that encoding copies a vector once
 * and allocates nothing.
 */
export interface ByteBuffer {
  readonly bytes: Buffer
  readonly view: DataView
  /** The same memory as float32; frames are aligned so that a vector starts at a multiple of 4. */
  readonly floats: Float32Array
  /**
   * The same memory as u32, little endian, as all that Node runs on is, but signed: a number that
   * needs 32 bits is then none that V8 has to allocate. Setting one costs less than `setUint32`,
   * and much less before it is compiled.
   */
  readonly words: Int32Array
}

export function byteBuffer(length: number): ByteBuffer {
  const memory = new ArrayBuffer(alignUp(length, 8))
  return {
    bytes: Buffer.from(memory),
    view: new DataView(memory),
    floats: new Float32Array(memory),
    words: new Int32Array(memory),
  }
}

/** `value` rounded up to a multiple of `unit`, a power of two. Safe beyond 2^32. */
export const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit

const HIGH = 0x1_0000_0000

/** The bits from 32 on of a non-negative safe integer. Those below are what `| 0` leaves. */
export const highBits = (value: number): number => (value < HIGH ? 0 : Math.floor(value / HIGH))

/** Writes a non-negative safe integer as u64, little endian. */
export function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / HIGH), true)
}

/** Reads a u64, little endian; NaN if it is no safe integer. */
export function getUint64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true)
  return high > 0x1f_ffff ? Number.NaN : high * HIGH + view.getUint32(at, true)
}
