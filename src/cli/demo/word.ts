/** A word and its vector. */
export interface Word {
  readonly id: string
  readonly vector: Float32Array
}

/** Words, the most frequent first. Each iteration starts again at the first. */
export interface Words extends AsyncIterable<Word> {
  readonly count: number
  readonly dimensions: number
}
