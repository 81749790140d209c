/**
 * XXH3_128bits with seed 0 of at least 241 bytes, in plain JavaScript: what kernel.wat computes,
 * for where there is no WebAssembly, and hundreds of times slower.
 */
export function xxh3Of(bytes: Uint8Array): bigint {
  const input = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { length } = bytes
  const lanes = [...FIRST]
  const end = (length - 1) & -STRIPE_BYTES
  for (let at = 0; at < end; at += STRIPE_BYTES) {
    const place = at % BLOCK_BYTES
    take(lanes, input, at, place / 8)
    if (place === BLOCK_BYTES - STRIPE_BYTES) scramble(lanes)
  }
  take(lanes, input, length - STRIPE_BYTES, 121)
  const low = merged(lanes, 11, BigInt(length) * PRIME64_1)
  const high = merged(lanes, 117, ~(BigInt(length) * PRIME64_2))
  return (high << 64n) | low
}

const STRIPE_BYTES = 64
const BLOCK_BYTES = 1024
const PRIME32_1 = 0x9e3779b1n
const PRIME64_1 = 0x9e3779b185ebca87n
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn
/** PRIME32_3, PRIME64_1 to 4, PRIME32_2, PRIME64_5, PRIME32_1. */
const FIRST: readonly bigint[] = [
  0xc2b2ae3dn,
  PRIME64_1,
  PRIME64_2,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x85ebca77n,
  0x27d4eb2f165667c5n,
  PRIME32_1,
]
const SECRET = new DataView(
  Uint8Array.from(
    (
      'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
      'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
      '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
      'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
      'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
      '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e'
    ).match(/../g)!,
    (digits) => Number.parseInt(digits, 16),
  ).buffer,
)
const LOW = 0xffff_ffffn

const of64 = (value: bigint): bigint => BigInt.asUintN(64, value)

function take(lanes: bigint[], input: DataView, at: number, key: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const data = input.getBigUint64(at + 8 * lane, true)
    const keyed = data ^ SECRET.getBigUint64(key + 8 * lane, true)
    lanes[lane ^ 1] = of64(lanes[lane ^ 1]! + data)
    lanes[lane] = of64(lanes[lane]! + (keyed & LOW) * (keyed >> 32n))
  }
}

function scramble(lanes: bigint[]): void {
  for (const [lane, value] of lanes.entries()) {
    const key = SECRET.getBigUint64(128 + 8 * lane, true)
    lanes[lane] = of64((value ^ (value >> 47n) ^ key) * PRIME32_1)
  }
}

function merged(lanes: readonly bigint[], key: number, start: bigint): bigint {
  let sum = of64(start)
  for (let lane = 0; lane < 8; lane += 2) {
    const a = lanes[lane]! ^ SECRET.getBigUint64(key + 8 * lane, true)
    const b = lanes[lane + 1]! ^ SECRET.getBigUint64(key + 8 * lane + 8, true)
    const product = a * b
    sum = of64(sum + (of64(product) ^ (product >> 64n)))
  }
  sum = of64((sum ^ (sum >> 37n)) * 0x165667919e3779f9n)
  return sum ^ (sum >> 32n)
}
