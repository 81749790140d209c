/** One that appends and one that reads, while somebody disturbs the engine. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CutProxy } from './cut-proxy.ts'
import type { Engine } from './kit.ts'

const IN_FLIGHT = 4
const BYTES = 2_000

function message(number: number): Uint8Array {
  const bytes = Buffer.alloc(BYTES, number & 0xff)
  bytes.writeUInt32LE(number)
  return bytes
}

/** Appends until it is told to end, and tries again what was rejected, as a replicated log does. */
export class Load {
  /** The number of the message at each place that was acknowledged. */
  readonly acknowledged = new Map<number, number>()
  readonly rejected: unknown[] = []
  /** The number at each place that a reader was told. */
  readonly told = new Map<number, number>()
  #number = 0
  #isEnding = false
  readonly #reading = new AbortController()
  readonly #engine: Engine
  readonly #work: Promise<unknown>

  constructor(t: TestContext, engine: Engine) {
    this.#engine = engine
    // Where the test fails, it would go on for ever.
    t.after(() => {
      this.#isEnding = true
      this.#reading.abort()
      return engine.close().catch(() => {})
    })
    this.#work = Promise.all([...Array.from({ length: IN_FLIGHT }, () => this.#append()), this.#read()])
  }

  /** Resolves when so many more are acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.acknowledged.size + count
    while (this.acknowledged.size < goal) await sleep(10)
  }

  /** Lets the reader come to the end, and compares all that was told with all that is there. */
  async end(): Promise<void> {
    this.#isEnding = true
    const { last } = await this.#engine.range()
    while (this.told.size < last) await sleep(10)
    this.#reading.abort()
    await this.#work
    for (const [place, number] of this.acknowledged)
      assert.equal(this.told.get(place), number, `message ${number} was acknowledged at place ${place}`)
    const kept = await contents(this.#engine, last)
    assert.deepEqual(kept, new Map([...this.told].filter(([place]) => place <= last)))
  }

  async #append(): Promise<void> {
    while (!this.#isEnding) {
      const number = this.#number++
      await this.#persistently(async () => {
        const place = await this.#engine.append(message(number))
        assert.ok(!this.acknowledged.has(place), `place ${place} was given twice`)
        this.acknowledged.set(place, number)
      })
    }
  }

  async #persistently(call: () => Promise<void>): Promise<void> {
    while (!this.#reading.signal.aborted) {
      try {
        return await call()
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        this.rejected.push(error)
        await sleep(100)
      }
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#reading
    while (!signal.aborted) {
      try {
        for await (const messages of this.#engine.read({ from: this.told.size + 1, signal }))
          for (const { place, bytes } of messages) {
            if (place !== this.told.size + 1) throw new Error(`place ${place}`)
            this.told.set(place, Buffer.from(bytes).readUInt32LE())
          }
      } catch {
        await sleep(50)
      }
    }
  }
}

async function contents(engine: Engine, last: number): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  for await (const messages of engine.read({ from: 1, signal: new AbortController().signal })) {
    for (const { place, bytes } of messages)
      if (place <= last) found.set(place, Buffer.from(bytes).readUInt32LE())
    if (found.size >= last) break
  }
  return found
}

/** Cuts the connections of an engine to a server, again and again, while it is worked with. */
export async function cutAgainAndAgain(
  t: TestContext,
  address: string,
  open: (proxied: string) => Promise<Engine>,
): Promise<void> {
  const proxy = await CutProxy.start(address)
  const engine = await open(proxy.address)
  const load = new Load(t, engine)
  for (let round = 0; round < 3; round++) {
    await load.more(20)
    proxy.cut()
  }
  await load.more(20)
  await load.end()
  await engine.close()
  await proxy.stop()
}
