import { WalError } from '../../errors.ts'
import type { EngineMessage, EngineRange } from '../../replicated/engine.ts'
import type { Random } from '../random.ts'

/** What the servers of a simulated engine hold. */
export class EngineStore {
  hasQuorum = true
  capacityBytes: number = Number.POSITIVE_INFINITY
  readonly objects: Map<string, Uint8Array> = new Map()
  readonly #random: Random
  readonly #messages = new Map<number, Uint8Array>()
  #bytes = 0
  #first = 1
  #last = 0
  #incarnation: string
  #changed: (() => void)[] = []

  constructor(random: Random) {
    this.#random = random
    this.#incarnation = this.#newIncarnation()
  }

  get range(): EngineRange {
    return { first: this.#first, last: this.#last, incarnation: this.#incarnation }
  }

  #newIncarnation(): string {
    return `store ${this.#random.next().toString(16)}`
  }

  /** @throws WALV_DISK_FULL, which promises that it is not stored */
  append(bytes: Uint8Array): number {
    if (this.#bytes + bytes.length > this.capacityBytes)
      throw new WalError('WALV_DISK_FULL', 'The simulated engine is full.', { fate: 'not-logged' })
    this.#messages.set(++this.#last, bytes)
    this.#bytes += bytes.length
    this.tell()
    return this.#last
  }

  /** From a place on: some messages, none where there are none yet. */
  messages(from: number, count: number): EngineMessage[] {
    const found: EngineMessage[] = []
    for (let place = Math.max(from, this.#first); place <= this.#last && found.length < count; place++)
      found.push({ place, bytes: Uint8Array.from(this.#messages.get(place)!) })
    return found
  }

  trim(before: number): void {
    for (; this.#first < before && this.#first <= this.#last; this.#first++) {
      this.#bytes -= this.#messages.get(this.#first)!.length
      this.#messages.delete(this.#first)
    }
    this.tell()
  }

  forgetEnd(count: number): void {
    for (let gone = 0; gone < count && this.#last >= this.#first; gone++) {
      this.#bytes -= this.#messages.get(this.#last)!.length
      this.#messages.delete(this.#last--)
    }
    this.tell()
  }

  recreate(): void {
    this.#messages.clear()
    this.objects.clear()
    this.#bytes = 0
    this.#first = 1
    this.#last = 0
    this.#incarnation = this.#newIncarnation()
    this.tell()
  }

  spoil(place: number, change: (bytes: Uint8Array) => Uint8Array): void {
    this.#messages.set(place, change(this.#messages.get(place)!))
  }

  setQuorum(value: boolean): void {
    this.hasQuorum = value
    this.tell()
  }

  /** Resolves when anything is another way, or `signal` is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const tell = (): void => {
        signal.removeEventListener('abort', tell)
        resolve()
      }
      signal.addEventListener('abort', tell)
      this.#changed.push(tell)
    })
  }

  /** Whoever waits looks again. */
  tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}
