import type { ConsumerMessages } from '@nats-io/jetstream'
import { clearInterval, delay, monotonicMs, setInterval } from '../../clock.ts'
import type { EngineMessage } from '../../replicated/engine.ts'
import type { Connection } from './connection.ts'

/**
 * By bytes: so many messages of a megabyte as go into a pull by number overrun what a server holds
 * for a client, which then loses its connection again and again.
 */
const PULL = { max_bytes: 12 * 1024 * 1024, expires: 5_000, idle_heartbeat: 500 }
/** Without a message or a heartbeat for so long, the consumer is gone: it dies with its server. */
const SILENCE_MS = 1_200
const LOOK_MS = 50
/** The servers remove a consumer that nobody has asked for so long. */
const CONSUMER_LIFE_NS = 10_000_000_000

/**
 * Tells of the messages through a consumer. While there is none, as when its server has died and
 * there is no leader yet to make another, any server is asked for single messages.
 */
export async function* readStream(
  connection: Connection,
  stream: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<readonly EngineMessage[]> {
  let next = from
  while (!signal.aborted) {
    const making = new Making(connection, stream, next)
    try {
      while (!making.isSettled && !signal.aborted) {
        const bytes = await messageAt(connection, stream, next)
        if (bytes === undefined) await delay(LOOK_MS)
        else yield [{ place: next++, bytes }]
      }
      if (making.messages === undefined) continue
      for await (const { seq, data } of watched(making.messages, signal)) {
        if (seq < next) continue
        if (seq > next) throw new Error(`message ${seq} of stream ${stream} came where ${next} was to come`)
        yield [{ place: next++, bytes: data }]
      }
    } finally {
      making.end()
    }
  }
}

/** A consumer that is made while something else is done. */
class Making {
  messages: ConsumerMessages | undefined
  isSettled = false
  readonly #done: Promise<void>

  constructor({ js, quick }: Connection, stream: string, from: number) {
    this.#done = quick.consumers
      .add(stream, {
        deliver_policy: 'by_start_sequence',
        opt_start_seq: from,
        ack_policy: 'none',
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: CONSUMER_LIFE_NS,
      })
      .then((info) => js.consumers.getConsumerFromInfo(info).consume(PULL))
      .then(
        (messages) => {
          this.messages = messages
          this.isSettled = true
        },
        () => {
          this.isSettled = true
        },
      )
  }

  end(): void {
    this.#done.then(() => this.messages?.stop())
  }
}

async function messageAt(
  { quick }: Connection,
  stream: string,
  seq: number,
): Promise<Uint8Array | undefined> {
  try {
    const message = await quick.direct.getMessage(stream, { seq })
    return message?.seq === seq ? message.data : undefined
  } catch {
    return undefined
  }
}

/** Ends when nothing is heard any more, or `signal` is aborted. */
async function* watched(
  messages: ConsumerMessages,
  signal: AbortSignal,
): AsyncGenerator<{ seq: number; data: Uint8Array }> {
  let heardMs = monotonicMs()
  const watch = setInterval(() => {
    if (signal.aborted || monotonicMs() - heardMs > SILENCE_MS) messages.stop()
  }, LOOK_MS)
  const listen = async (): Promise<void> => {
    for await (const { type } of messages.status()) if (type === 'heartbeat') heardMs = monotonicMs()
  }
  listen().catch(() => {})
  try {
    for await (const message of messages) {
      heardMs = monotonicMs()
      yield message
      heardMs = monotonicMs()
    }
  } finally {
    clearInterval(watch)
  }
}
