import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * A real embedding model, small enough for walv's repository: 10,000 GloVe word vectors of 100
 * dimensions, the words of its demo. A text is the mean of its words, where frequent ones ("the",
 * "of") count little. The file's layout is in data/README.md.
 */
export class WordEmbeddings {
  #vectors = new Map()
  dimensions

  static async load() {
    const walv = dirname(createRequire(import.meta.url).resolve('walv/package.json'))
    const file = await readFile(join(walv, 'data', 'words-10k.bin'))
    const model = new WordEmbeddings()
    const count = file.readUInt32LE(12)
    model.dimensions = file.readUInt32LE(16)
    const bytes = model.dimensions * 4
    const words = file.toString('utf8', 64 + count * bytes).split('\n')
    for (let rank = 0; rank < count; rank++) {
      const vector = Float32Array.from({ length: model.dimensions }, (_, i) =>
        file.readFloatLE(64 + rank * bytes + i * 4),
      )
      // The words are in the order of their frequency.
      model.#vectors.set(words[rank], { vector, weight: rank / (rank + 300) })
    }
    return model
  }

  embed(text) {
    const mean = new Float32Array(this.dimensions)
    for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
      const known = this.#vectors.get(word)
      if (known) for (let i = 0; i < mean.length; i++) mean[i] += known.weight * known.vector[i]
    }
    return mean
  }
}
