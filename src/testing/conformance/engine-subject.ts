import assert from 'node:assert/strict'
import type { Engine, EngineMessage } from '../../replicated/engine.ts'

/** Where one engine keeps what is appended. */
export interface EnginePlace {
  /** One more way to it; several may be open at once. What was appended before is there. */
  open(): Promise<Engine>
  /** Removes everything. Called last, when all that was opened is closed. */
  remove?(): Promise<void>
}

/** What one case is about: a store of its own. */
export class EngineSubject {
  readonly #place: EnginePlace
  readonly #opened: Engine[] = []

  constructor(place: EnginePlace) {
    this.#place = place
  }

  async open(): Promise<Engine> {
    const engine = await this.#place.open()
    this.#opened.push(engine)
    return engine
  }

  async close(engine: Engine): Promise<void> {
    this.#opened.splice(this.#opened.indexOf(engine), 1)
    await engine.close()
  }

  async release(): Promise<void> {
    for (const engine of this.#opened) await engine.close().catch(() => {})
    await this.#place.remove?.()
  }
}

/** A message whose bytes tell it from others. */
export function message(number: number, length = 24): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + number * 101) & 0xff
  new DataView(bytes.buffer).setUint32(0, number, true)
  return bytes
}

/** What `message` was made with. */
export const numberOf = ({ bytes }: EngineMessage): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true)

/** Reads so many messages from a place on; fails where one is told twice, or passed over. */
export async function take(engine: Engine, from: number, count: number): Promise<EngineMessage[]> {
  const controller = new AbortController()
  const found: EngineMessage[] = []
  if (count === 0) return found
  for await (const messages of engine.read({ from, signal: controller.signal })) {
    for (const each of messages) {
      assert.equal(each.place, from + found.length, `it told of place ${each.place}`)
      found.push({ place: each.place, bytes: Uint8Array.from(each.bytes) })
    }
    if (found.length >= count) break
  }
  controller.abort()
  assert.ok(found.length >= count, `it ended behind ${found.length} of ${count} messages`)
  return found.slice(0, count)
}
