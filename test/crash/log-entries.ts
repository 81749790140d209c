/** Entries of every kind and of many sizes, each different from every other. */
import type { BatchMember, CustomEntry } from '../../src/mod.ts'
import type { Random } from '../../src/testing/random.ts'

/**
 * Bytes that the frames of an otherwise empty segment of 64 KiB can take: its size without header
 * and room for two promises; see docs/format.md.
 */
const FULL_SEGMENT_BYTES: number = 64 * 1024 - 1_024 - 2 * (512 + 40)

/** `number` tells it from all others. */
export function anyEntry(random: Random, number: number): BatchMember {
  switch (random.below(12)) {
    case 0:
    case 1:
      return { type: 'delete', id: `d${number}` }
    case 2:
      return { type: 'update', id: `m${number}`, metadata: { number } }
    case 3:
      return { type: 'update', id: `v${number}`, vector: vectorOf(random, number) }
    case 4:
      return {
        type: 'custom',
        kind: `kind-${number}`,
        data: bytesOf(random.pick([0, 1, 460, 512, 3_000]), number),
      }
    case 5:
    case 6:
      return anyBatch(random, number)
    case 7:
      return {
        type: 'insert',
        id: `u${number}`,
        vector: vectorOf(random, number),
        metadata: null,
        replace: true,
      }
    default:
      return {
        type: 'insert',
        id: `i${number}`,
        vector: vectorOf(random, number),
        metadata: { text: textOf(random) },
      }
  }
}

export function anyBatch(random: Random, number: number): BatchMember {
  const inner: BatchMember[] = [{ type: 'delete', id: `b${number}` }]
  const entries: BatchMember[] = [
    { type: 'insert', id: `b${number}`, vector: vectorOf(random, number), metadata: null },
    { type: 'batch', entries: random.chance(0.5) ? inner : [{ type: 'batch', entries: inner }] },
    { type: 'custom', kind: 'last', data: bytesOf(random.pick([1, 1_500]), number) },
  ]
  return { type: 'batch', entries: entries.slice(0, 1 + random.below(3)) }
}

/**
 * Records that fill segments: one that fills one exactly, two that do so together, and some that do
 * not quite, or not any more.
 */
export function fillers(random: Random, number: number): CustomEntry[] {
  const bytes = random.pick([
    [FULL_SEGMENT_BYTES],
    [FULL_SEGMENT_BYTES / 2, FULL_SEGMENT_BYTES / 2],
    [FULL_SEGMENT_BYTES / 2 + 8, FULL_SEGMENT_BYTES / 2],
    [FULL_SEGMENT_BYTES - 8],
    [FULL_SEGMENT_BYTES + 8],
    [FULL_SEGMENT_BYTES - 56, 56],
    [20_000, 30_000, 40_000],
    [100_000],
  ])
  return bytes.map((each, place) => fillerOf(each, number + place))
}

export const largeEntry = (bytes: number, number: number): CustomEntry => ({
  type: 'custom',
  kind: 'l',
  data: bytesOf(bytes, number),
})

/** A custom entry whose frame takes so many bytes: a multiple of 8. */
function fillerOf(frameBytes: number, number: number): CustomEntry {
  let payloadBytes = frameBytes - 40
  while (40 + payloadBytes + tableBytes(payloadBytes) > frameBytes) payloadBytes -= 8
  return { type: 'custom', kind: 'f', data: bytesOf(payloadBytes - 9, number) }
}

/** The sums of all pieces of 8 KiB but the first. */
const tableBytes = (payloadBytes: number): number => 8 * Math.ceil((Math.ceil(payloadBytes / 8_192) - 1) / 2)

const bytesOf = (length: number, number: number): Uint8Array =>
  new Uint8Array(length).fill(1 + (number % 255))

const vectorOf = (random: Random, number: number): Float32Array =>
  new Float32Array(random.pick([0, 1, 3, 10, 100, 700])).fill(number)

const textOf = (random: Random): string =>
  String.fromCharCode(97 + random.below(26)).repeat(random.pick([1, 1, 10, 400, 3_000]))
