/** Readers with a defect each, to see that the fuzzer finds what it is for. */
import { mutateBytes } from './mutate-bytes.ts'
import type { Target } from './target.ts'

const planted = (name: string, maxBytes: number, read: (input: Uint8Array) => void): Target => ({
  name,
  seeds: async () => [Buffer.alloc(16)],
  mutate: (random, input, other) => mutateBytes(random, input, other).subarray(0, maxBytes),
  async run(input) {
    read(input)
    return []
  },
})

/** Each byte that is right runs a block of its own. */
function throwAtMagic(input: Uint8Array): void {
  if (input[0] !== 0x10) return
  if (input[1] !== 0x20) return
  if (input[2] !== 0x40) return
  if (input[3] !== 0x80) return
  throw new TypeError('the magic is there')
}

function loopForever(input: Uint8Array): void {
  while (input[0] === 0xff);
}

function takeMemory(input: Uint8Array): void {
  const taken: number[][] = []
  while (input[0] === 0xff) taken.push(new Array(1000).fill(0.5))
}

/** Its work grows with the square of the input. */
function goOverAgain(input: Uint8Array): void {
  let sum = 0
  for (let from = 0; from < input.length; from++)
    for (let at = from; at < input.length; at++) sum += input[at]! & 1 ? 1 : 2
  if (sum < 0) throw new RangeError('impossible')
}

export const plantedTargets: readonly Target[] = [
  planted('planted-throw', 16, throwAtMagic),
  planted('planted-hang', 16, loopForever),
  planted('planted-bloat', 16, takeMemory),
  planted('planted-square', 8192, goOverAgain),
]
