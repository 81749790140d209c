import type { EngineObjects } from '../../replicated/engine.ts'
import type { Connection } from './connection.ts'
import { codeOf, type StreamNames, storeFull } from './streams.ts'

const NO_MESSAGE = 10037

/** The last message of a subject is the value of the key that is the end of the subject. */
export class JetStreamObjects implements EngineObjects {
  readonly maxBytes: number
  readonly #connection: Connection
  readonly #stream: string
  readonly #prefix: string

  constructor(connection: Connection, { objects, objectSubjects }: StreamNames, maxBytes: number) {
    this.#connection = connection
    this.#stream = objects
    this.#prefix = objectSubjects
    this.maxBytes = maxBytes
  }

  #subject(key: string): string {
    return this.#prefix + key.replaceAll('/', '.')
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    try {
      await this.#connection.js.publish(this.#subject(key), value)
    } catch (error) {
      throw storeFull(error, this.#stream) ?? error
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const { jsm } = this.#connection
    const query = { last_by_subj: this.#subject(key) }
    const found = await jsm.direct.getMessage(this.#stream, query).catch(() => null)
    if (found) return found.data
    // Any server answers that, and it may not have the object yet: the leader has.
    try {
      return (await jsm.streams.getMessage(this.#stream, query))?.data
    } catch (error) {
      if (codeOf(error) === NO_MESSAGE) return undefined
      throw error
    }
  }

  async list(prefix: string): Promise<string[]> {
    const { jsm } = this.#connection
    const { state } = await jsm.streams.info(this.#stream, { subjects_filter: `${this.#subject(prefix)}.>` })
    const keyOf = (subject: string): string => subject.slice(this.#prefix.length).replaceAll('.', '/')
    return Object.keys(state.subjects ?? {}).map(keyOf)
  }

  async remove(prefix: string): Promise<void> {
    const subject = this.#subject(prefix)
    for (const filter of [subject, `${subject}.>`])
      await this.#connection.jsm.streams.purge(this.#stream, { filter })
  }
}
