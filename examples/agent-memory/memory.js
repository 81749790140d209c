import { randomUUID } from 'node:crypto'
import { DurableIndex, flat } from 'walv'
import { DIMENSIONS, embed } from '../embed.js'

/** What an agent remembers. Whatever a call has resolved for is remembered by the next process too. */
export class Memory {
  #index

  static async open(directory) {
    const memory = new Memory()
    memory.#index = await DurableIndex.open({ directory, index: flat({ dimensions: DIMENSIONS }) })
    return memory
  }

  async remember(text, kind = 'fact') {
    const id = randomUUID()
    await this.#index.insert(id, await embed(text), { text, kind, at: new Date().toISOString() })
    return id
  }

  /** The memories nearest to a text, of one kind or of all. */
  async recall(text, { k = 5, kind } = {}) {
    const filter = kind && ((metadata) => metadata.kind === kind)
    const hits = await this.#index.search(await embed(text), { k, ...(filter && { filter }) })
    return hits.map(({ id, distance, metadata }) => ({ id, distance, ...metadata }))
  }

  /** Puts one memory in the place of several, whole or not at all: no crash leaves both, or neither. */
  async consolidate(ids, summary) {
    const vector = await embed(summary)
    const id = randomUUID()
    await this.#index.transaction(async (tx) => {
      for (const old of ids) await tx.delete(old)
      await tx.insert(id, vector, { text: summary, kind: 'summary', at: new Date().toISOString() })
    })
    return id
  }

  forget(id) {
    return this.#index.delete(id)
  }

  close() {
    return this.#index.close()
  }
}
