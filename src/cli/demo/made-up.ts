/**
 * Words that nobody says, for a demo without real ones: three syllables each, with a vector that
 * their letters make, so that words which look alike are near to each other. The same every time.
 */
import type { Word, Words } from './word.ts'

const DIMENSIONS = 100
const SYLLABLES: readonly string[] = [...'bdklmnprst'].flatMap((first) =>
  [...'aeiou'].map((second) => first + second),
)
const ALL = SYLLABLES.length ** 3
/** Shares no factor with `ALL`: each word comes up once before any comes again. */
const STRIDE = 38_197

/** The first `count` of 125 000. */
export function madeUpWords(count: number): Words {
  const directions = new Map<string, Float32Array>()
  async function* words(): AsyncGenerator<Word> {
    for (let rank = 0; rank < count; rank++) {
      const id = wordAt((rank * STRIDE) % ALL)
      yield { id, vector: vectorOf(id, directions) }
    }
  }
  return { count, dimensions: DIMENSIONS, [Symbol.asyncIterator]: words }
}

function wordAt(place: number): string {
  const n = SYLLABLES.length
  return [place % n, Math.floor(place / n) % n, Math.floor(place / n ** 2)]
    .map((syllable) => SYLLABLES[syllable])
    .join('')
}

/** The sum of the directions of its pairs of letters, its beginning and end among them. */
function vectorOf(id: string, directions: Map<string, Float32Array>): Float32Array {
  const spelt = ` ${id} `
  const vector = new Float32Array(DIMENSIONS)
  for (let place = 0; place + 1 < spelt.length; place++) {
    const pair = spelt.slice(place, place + 2)
    const direction = directions.get(pair) ?? directionOf(pair)
    directions.set(pair, direction)
    for (let i = 0; i < DIMENSIONS; i++) vector[i]! += direction[i]!
  }
  return vector
}

/** Numbers from -1 to 1 that look random, by the generator xorshift32. */
function directionOf(pair: string): Float32Array {
  let state = pair.charCodeAt(0) * 0x1_0001 + pair.charCodeAt(1) * 0x9e37
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 2 ** 31
  }
  // The first numbers of states that are near to each other are near to each other, too.
  for (let i = 0; i < 16; i++) next()
  return Float32Array.from({ length: DIMENSIONS }, next)
}
