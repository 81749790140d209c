/**
 * Changes of bytes that know nothing of what the bytes mean, except that some are integers,
 * little-endian: lengths, counts, numbers.
 */
import type { Random } from '../../src/testing/random.ts'

/** Longer inputs find no more, and take longer. */
export const MAX_INPUT_BYTES: number = 64 * 1024

/** A few small changes. `other` lends bytes. */
export function mutateBytes(random: Random, input: Uint8Array, other: Uint8Array): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let count = 1 + random.below(4) * random.below(3); count > 0; count--) {
    bytes = random.pick(CHANGES)(random, bytes, bufferOf(other))
  }
  return bytes.subarray(0, MAX_INPUT_BYTES)
}

export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const EDGES = [
  0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
]

/** An integer of so many bytes that readers may trip over. */
export function edge(random: Random, width: number): bigint {
  const limit = 1n << BigInt(width * 8)
  if (random.chance(0.2)) return limit - 1n - BigInt(random.below(3))
  if (width === 8 && random.chance(0.3)) return 2n ** 53n - 2n + BigInt(random.below(4))
  return BigInt(random.pick(EDGES)) % limit
}

/** Writes what fits of an integer of `width` bytes at `at`, wrapped around its limits. */
export function writeInteger(bytes: Buffer, at: number, width: number, value: bigint): void {
  const wrapped = BigInt.asUintN(width * 8, value)
  for (let index = 0; index < width && at + index < bytes.length; index++)
    bytes[at + index] = Number((wrapped >> BigInt(index * 8)) & 0xffn)
}

export function readInteger(bytes: Buffer, at: number, width: number): bigint {
  let value = 0n
  for (let index = 0; index < width; index++) value |= BigInt(bytes[at + index] ?? 0) << BigInt(index * 8)
  return value
}

type Change = (random: Random, bytes: Buffer, other: Buffer) => Buffer

const WIDTHS = [1, 2, 4, 4, 8] as const

const flipBit: Change = (random, bytes) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
  return bytes
}

const setByte: Change = (random, bytes) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

const setInteger: Change = (random, bytes) => {
  const width = random.pick(WIDTHS)
  writeInteger(bytes, placeIn(random, bytes), width, edge(random, width))
  return bytes
}

const addToInteger: Change = (random, bytes) => {
  const width = random.pick(WIDTHS)
  const at = placeIn(random, bytes)
  writeInteger(bytes, at, width, readInteger(bytes, at, width) + BigInt(random.below(17) - 8))
  return bytes
}

const remove: Change = (random, bytes) => {
  const [from, to] = rangeIn(random, bytes)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
}

const truncate: Change = (random, bytes) => bytes.subarray(0, placeIn(random, bytes))

const zero: Change = (random, bytes) => bytes.fill(0, ...rangeIn(random, bytes))

/** A piece of this or another input, in the place of what stands there or in between. */
const splice: Change = (random, bytes, other) => {
  const source = random.chance(0.5) ? bytes : other
  const piece = Buffer.from(source.subarray(...rangeIn(random, source)))
  const at = placeIn(random, bytes)
  const behind = random.chance(0.5) ? at : at + piece.length
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(behind)])
}

/** Deep nesting and long runs come from this alone. */
const repeat: Change = (random, bytes) => {
  const [from, to] = rangeIn(random, bytes, 16)
  const piece = bytes.subarray(from, to)
  const times = 1 + random.below(random.pick([4, 40, 400, 4000]))
  return Buffer.concat([bytes.subarray(0, to), ...new Array<Buffer>(times).fill(piece), bytes.subarray(to)])
}

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  setInteger,
  setInteger,
  addToInteger,
  addToInteger,
  remove,
  truncate,
  zero,
  splice,
  splice,
  repeat,
]

/** Integers stand at multiples of four more often than not. */
function placeIn(random: Random, bytes: Buffer): number {
  const at = random.below(bytes.length + 1)
  return random.chance(0.5) ? at - (at % 4) : at
}

function rangeIn(
  random: Random,
  bytes: Buffer,
  mostBytes: number = random.pick([4, 16, 64, 1024]),
): [number, number] {
  const from = placeIn(random, bytes)
  return [from, Math.min(bytes.length, from + 1 + random.below(mostBytes))]
}
