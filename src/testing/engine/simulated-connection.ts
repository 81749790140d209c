import { setMaxListeners } from 'node:events'
import { delay, nextTurn } from '../../clock.ts'
import { WalError } from '../../errors.ts'
import type {
  Engine,
  EngineMessage,
  EngineObjects,
  EngineRange,
  EngineReadOptions,
  Guarantee,
} from '../../replicated/engine.ts'
import type { EngineFaults, Servers } from './engine-faults.ts'

const MAX_OBJECT_BYTES = 256 * 1024
const MAX_MESSAGES_AT_ONCE = 8

/** One node's way to a simulated engine. */
export class SimulatedConnection implements Engine {
  readonly name: string
  readonly guarantee: Guarantee = 'quorum-synced'
  readonly objects: EngineObjects
  readonly #servers: Servers
  readonly #closed = new AbortController()
  #isCut = false

  constructor(servers: Servers, name: string) {
    this.#servers = servers
    // As many as requests that wait.
    setMaxListeners(0, this.#closed.signal)
    this.name = name
    this.objects = this.#makeObjects()
  }

  get maxFrameBytes(): number {
    return this.#servers.maxFrameBytes
  }

  /** Nothing gets through any more, either way, until it is mended. */
  cut(isCut: boolean): void {
    this.#isCut = isCut
    this.#servers.store.tell()
  }

  async append(frame: Uint8Array): Promise<number> {
    const bytes = Uint8Array.from(frame)
    if (bytes.length > this.maxFrameBytes)
      throw new WalError('WALV_LIMIT', 'The message is too long.', { fate: 'not-logged' })
    await this.#requested()
    if (this.#happens('refuse'))
      throw new WalError('WALV_IO', 'The servers refuse it.', { fate: 'not-logged' })
    if (this.#happens('late')) {
      void this.#latency().then(() => this.#storeQuietly(bytes))
      throw new Error('no answer')
    }
    const place = this.#servers.store.append(bytes)
    if (this.#happens('double')) void this.#latency().then(() => this.#storeQuietly(bytes))
    await this.#answered()
    return place
  }

  /** Nobody is told. */
  #storeQuietly(bytes: Uint8Array): void {
    try {
      this.#servers.store.append(bytes)
    } catch {}
  }

  async range(): Promise<EngineRange> {
    await this.#requested()
    const { range } = this.#servers.store
    await this.#answered()
    return range
  }

  async *read({ from, signal }: EngineReadOptions): AsyncGenerator<readonly EngineMessage[], void, void> {
    const { random, store } = this.#servers
    const ended = AbortSignal.any([signal, this.#closed.signal])
    let next = from
    while (!ended.aborted) {
      const messages = this.#answers ? store.messages(next, 1 + random.below(MAX_MESSAGES_AT_ONCE)) : []
      if (messages.length === 0) {
        await store.changed(ended)
        continue
      }
      if (messages[0]!.place > next && random.chance(0.5)) throw new Error('that place was trimmed')
      if (await this.#readingEnds(ended)) return
      yield this.#asTold(messages)
      next = messages.at(-1)!.place + 1
      await this.#latency()
    }
  }

  async #readingEnds(ended: AbortSignal): Promise<boolean> {
    if (!this.#happens('endRead')) return false
    const { random, store } = this.#servers
    if (random.chance(0.3)) throw new Error('the reading broke')
    if (random.chance(0.5)) while (!ended.aborted) await store.changed(ended)
    return true
  }

  /** Messages as a reader is told of them, which may be wrong. */
  #asTold(messages: EngineMessage[]): EngineMessage[] {
    const { random } = this.#servers
    if (this.#happens('corrupt')) {
      const { bytes } = random.pick(messages)
      if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    }
    if (!this.#happens('misread')) return messages
    return random.pick([
      () => messages.slice(1),
      () => [...messages, ...messages],
      () => messages.toReversed(),
    ])()
  }

  async trim(before: number): Promise<void> {
    await this.#requested()
    this.#servers.store.trim(before)
    await this.#answered()
  }

  #makeObjects(): EngineObjects {
    const { objects } = this.#servers.store
    const within = (prefix: string) => [...objects.keys()].filter((key) => key.startsWith(`${prefix}/`))
    return {
      maxBytes: MAX_OBJECT_BYTES,
      put: async (key, value) => {
        const copy = Uint8Array.from(value)
        await this.#requested()
        objects.set(key, copy)
        await this.#answered()
      },
      get: async (key) => {
        await this.#requested()
        const found = objects.get(key)
        await this.#answered()
        return found && Uint8Array.from(found)
      },
      list: async (prefix) => {
        await this.#requested()
        const found = within(prefix)
        await this.#answered()
        return found
      },
      remove: async (prefix) => {
        await this.#requested()
        for (const key of [prefix, ...within(prefix)]) objects.delete(key)
        await this.#answered()
      },
    }
  }

  async close(): Promise<void> {
    this.#closed.abort()
  }

  #happens(fault: keyof EngineFaults): boolean {
    const { faults, random } = this.#servers
    return random.chance(faults[fault] ?? 0)
  }

  get #answers(): boolean {
    return this.#servers.store.hasQuorum && !this.#isCut
  }

  /** A request has come through. */
  async #requested(): Promise<void> {
    await this.#latency()
    while (!this.#answers) {
      if (this.#closed.signal.aborted) throw new Error('the connection was closed')
      await this.#servers.store.changed(this.#closed.signal)
    }
    if (this.#happens('loseRequest')) throw new Error('no answer')
  }

  async #answered(): Promise<void> {
    if (this.#happens('loseAnswer')) throw new Error('no answer')
    await this.#latency()
  }

  async #latency(): Promise<void> {
    const { maxLatencyMs, random } = this.#servers
    if (maxLatencyMs === 0) await nextTurn()
    else await delay(random.below(maxLatencyMs + 1))
  }
}
