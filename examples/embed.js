import { createHash } from 'node:crypto'

export const DIMENSIONS = 256

/** A vector for a text: each word counts in one of 256 places. Put your embedding model here. */
export async function embed(text) {
  const vector = new Float32Array(DIMENSIONS)
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? [])
    vector[createHash('sha256').update(word).digest()[0]] += 1
  return vector
}
