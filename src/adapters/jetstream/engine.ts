import type {
  Engine,
  EngineMessage,
  EngineObjects,
  EngineRange,
  EngineReadOptions,
  Guarantee,
} from '../../replicated/engine.ts'
import type { Connection } from './connection.ts'
import { JetStreamObjects } from './objects.ts'
import { readStream } from './reading.ts'
import { type StreamNames, storeFull } from './streams.ts'

const MAX_BYTES = 1024 * 1024

export class JetStreamEngine implements Engine {
  readonly name: string
  readonly guarantee: Guarantee
  readonly maxFrameBytes: number
  readonly objects: EngineObjects
  readonly #connection: Connection
  readonly #names: StreamNames
  readonly #closing: AbortController = new AbortController()

  constructor(connection: Connection, names: StreamNames, name: string, guarantee: Guarantee) {
    this.#connection = connection
    this.#names = names
    this.name = name
    this.guarantee = guarantee
    this.maxFrameBytes = Math.min(MAX_BYTES, connection.nc.info!.max_payload)
    this.objects = new JetStreamObjects(connection, names, this.maxFrameBytes)
  }

  async append(frame: Uint8Array): Promise<number> {
    const { js } = this.#connection
    const { log, logSubject } = this.#names
    try {
      return (await js.publish(logSubject, frame)).seq
    } catch (error) {
      throw storeFull(error, log) ?? error
    }
  }

  /** As the leader of the stream says. */
  async range(): Promise<EngineRange> {
    const { state, created } = await this.#connection.jsm.streams.info(this.#names.log)
    const { messages, first_seq, last_seq } = state
    return { first: messages === 0 ? last_seq + 1 : first_seq, last: last_seq, incarnation: `${created}` }
  }

  read({ from, signal }: EngineReadOptions): AsyncIterable<readonly EngineMessage[]> {
    return readStream(
      this.#connection,
      this.#names.log,
      from,
      AbortSignal.any([signal, this.#closing.signal]),
    )
  }

  async trim(before: number): Promise<void> {
    const { first, last } = await this.range()
    // A place beyond the end would move the end there, and place 1 stands for everything.
    const seq = Math.min(before, last + 1)
    if (seq > first) await this.#connection.jsm.streams.purge(this.#names.log, { seq })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#connection.nc.close()
  }
}
