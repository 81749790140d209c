import { randomUUID } from 'node:crypto'
import { DurableIndex, flat } from 'walv'
import { DIMENSIONS, embed } from '../embed.js'

const DAY_MS = 24 * 3_600_000

/**
 * What several processes remember together. A memory is remembered or forgotten as a whole and never
 * edited, so every change is an insert or a delete: of two processes that do the same at once, the
 * order of the log lets one succeed and tells the other.
 */
export class Memory {
  #index
  /** The last change of this process: the memory's id, and the type of the version that it made. */
  #last

  static async open(directory) {
    const memory = new Memory()
    memory.#index = await DurableIndex.open({
      directory,
      index: flat({ dimensions: DIMENSIONS }),
      share: true,
      history: { keepMs: 30 * DAY_MS },
    })
    return memory
  }

  /** Resolves to the memory's id once it is on the disk. */
  async remember(text) {
    const id = randomUUID()
    await this.#insert(id, await embed(text), { text, at: new Date().toISOString() })
    return id
  }

  /** The memories nearest to a text, nearest first. */
  async recall(text, k) {
    const hits = await this.#index.search(await embed(text), { k })
    return hits.map(({ id, distance, metadata }) => ({ id, distance, ...metadata }))
  }

  /** Resolves to whether the memory was there, once it is gone from the disk's log, too. */
  async forget(id) {
    const existed = await this.#index.delete(id)
    if (existed) this.#last = { id, type: 'delete' }
    return existed
  }

  /**
   * Takes back the last change of a memory; without an id, the last change of this process. Being a
   * change itself, it can be taken back the same way. Resolves to what was undone and the text.
   */
  async undo(id) {
    const own = id === undefined ? this.#last : undefined
    if (id === undefined && !own)
      throw new Error('This server has changed nothing yet. Name a memory by its id.')
    const changed = id ?? own.id
    const { before, last } = await this.#lastVersions(changed)
    if (own && last?.type !== own.type)
      throw new Error(`Another client has changed ${changed} since. To undo that, name the memory by its id.`)
    if (last?.type === 'insert') {
      if (!(await this.forget(changed))) throw new Error(`Another client has just forgotten ${changed}.`)
      return { id: changed, undone: 'remember', text: last.metadata.text }
    }
    if (last?.type === 'delete') {
      await this.#insert(changed, before.vector, before.metadata)
      return { id: changed, undone: 'forget', text: before.metadata.text }
    }
    throw new Error(`No change of ${changed} is kept that could be undone. Changes are kept for 30 days.`)
  }

  /** Waits for what is under way. */
  close() {
    return this.#index.close()
  }

  async #insert(id, vector, metadata) {
    await this.#index.insert(id, vector, metadata)
    this.#last = { id, type: 'insert' }
  }

  async #lastVersions(id) {
    let before
    let last
    for await (const version of this.#index.history(id)) [before, last] = [last, version]
    return { before, last }
  }
}
