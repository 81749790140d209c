import { fileURLToPath } from 'node:url'
import { Embeddings } from '@langchain/core/embeddings'
import { readWordsFile } from '../../src/cli/demo/words.ts'

const WORDS = fileURLToPath(new URL('../../../data/words-10k.bin', import.meta.url))

/**
 * A small real model, in the file of the demo: of a text, the mean of the vectors of its words.
 * Counts its calls.
 */
export class WordEmbeddings extends Embeddings {
  static readonly dimensions = 100
  calls = 0
  readonly #vectors: ReadonlyMap<string, Float32Array>

  private constructor(vectors: ReadonlyMap<string, Float32Array>) {
    super({})
    this.#vectors = vectors
  }

  static async load(): Promise<WordEmbeddings> {
    const vectors = new Map<string, Float32Array>()
    for await (const { id, vector } of await readWordsFile(WORDS)) vectors.set(id, vector)
    return new WordEmbeddings(vectors)
  }

  async embedQuery(text: string): Promise<number[]> {
    this.calls++
    return this.#embed(text)
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    this.calls++
    return texts.map((text) => this.#embed(text))
  }

  #embed(text: string): number[] {
    const found = (text.toLowerCase().match(/[a-z]+/g) ?? []).flatMap((word) => this.#vectors.get(word) ?? [])
    return Array.from(
      { length: WordEmbeddings.dimensions },
      (_, i) => found.reduce((sum, vector) => sum + vector[i]!, 0) / found.length,
    )
  }
}
