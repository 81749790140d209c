import type { EngineMessage, EngineRange } from './engine.ts'
import { FRAME_VERSION, type NoFrame } from './frame.ts'
import type { EngineLink } from './link.ts'
import { type ReadFrame, readFrame } from './order.ts'
import { LATE, pause, within } from './patience.ts'
import { damagedMessage, endLost, isFinal, newerFrame, recreated, trimmed } from './trouble.ts'

/** A message at its place, as a frame if it is one. */
export interface PlacedFrame {
  readonly place: number
  readonly frame: ReadFrame | Extract<NoFrame, { readonly problem: 'foreign' }>
}

/** Where a reading stands: what has been taken, and of which store. */
export interface ReadingPlace {
  /** The last message that was taken. */
  readonly place: number
  /** The last record, for messages. */
  readonly seq: number
}

/** A message that does not match its sum is read so often before it is given up. */
const DAMAGED_TRIES = 5
/** One that is nobody's is read so often before it is believed. */
const FOREIGN_TRIES = 3
/** An end that is too low is asked about so often before it is believed. */
const LOST_TRIES = 3

/**
 * Reads messages from an engine, each once, in order, without a hole, however the engine fails on
 * the way: what ends, fails, falls silent, comes twice, or is damaged is read again.
 */
export class Reading {
  readonly #link: EngineLink
  readonly #incarnation: string
  readonly #signal: AbortSignal
  readonly #standing: () => ReadingPlace
  #next: number
  /** How often the next message was read that is no frame. */
  #tries = 0

  /** `standing` is where whoever reads has come. */
  constructor(link: EngineLink, incarnation: string, standing: () => ReadingPlace, signal: AbortSignal) {
    this.#link = link
    this.#incarnation = incarnation
    this.#standing = standing
    this.#signal = signal
    this.#next = standing().place + 1
  }

  /**
   * From behind where its reader stands, until `signal` is aborted.
   * @throws WALV_SEQUENCE_TRIMMED, WALV_FOREIGN_LOG, WALV_DAMAGED, WALV_UNSUPPORTED_VERSION, and
   * what the engine says that is final
   */
  async *frames(): AsyncGenerator<PlacedFrame, void, void> {
    while (!this.#signal.aborted) {
      this.#next = this.#standing().place + 1
      const ended = new AbortController()
      const end = (): void => ended.abort()
      this.#signal.addEventListener('abort', end)
      try {
        for await (const messages of this.#untilSilent(ended.signal)) {
          const isWhole = yield* this.#taken(messages)
          if (!isWhole) break
        }
      } catch (error) {
        if (isFinal(error)) throw error
        this.#link.failed(error)
      } finally {
        ended.abort()
        this.#signal.removeEventListener('abort', end)
      }
      if (this.#signal.aborted) return
      await this.#look()
      await pause(this.#link.timing.retryMs, this.#signal)
    }
  }

  /** Answers whether they may be gone on with. */
  *#taken(messages: readonly EngineMessage[]): Generator<PlacedFrame, boolean, void> {
    for (const { place, bytes } of messages) {
      if (place < this.#next) continue
      if (place > this.#next) return false
      const frame = readFrame(bytes)
      if ('problem' in frame && frame.problem === 'newer')
        throw newerFrame(this.#link.name, place, frame.version, FRAME_VERSION)
      if ('problem' in frame) {
        this.#tries++
        const isDamaged = frame.problem === 'damaged'
        if (isDamaged && this.#tries === DAMAGED_TRIES)
          throw damagedMessage(this.#link.name, place, this.#tries)
        if (isDamaged || this.#tries < FOREIGN_TRIES) return false
      }
      this.#tries = 0
      this.#next++
      this.#link.last = Math.max(this.#link.last, place)
      yield { place, frame }
    }
    return true
  }

  /** What the engine tells, until it is silent though there is more. */
  async *#untilSilent(signal: AbortSignal): AsyncGenerator<readonly EngineMessage[], void, void> {
    const source = this.#link.engine.read({ from: this.#next, signal })[Symbol.asyncIterator]()
    try {
      for (;;) {
        const step = source.next()
        let found = await within(this.#link.timing.silenceMs, step)
        while (found === LATE) {
          if (signal.aborted || (await this.#isMore())) return
          found = await within(this.#link.timing.silenceMs, step)
        }
        if (found.done) return
        this.#link.heard()
        yield found.value
      }
    } finally {
      // It may hang where it does not look at its signal.
      void source.return?.().catch(() => {})
    }
  }

  /** Whether there is something that was not told. */
  async #isMore(): Promise<boolean> {
    const range = await this.#link.range().catch((error) => {
      if (isFinal(error)) throw error
      return undefined
    })
    if (range === undefined) return false
    await this.#check(range)
    return range.last >= this.#next
  }

  async #look(): Promise<void> {
    const range = await this.#link.range().catch((error) => {
      if (isFinal(error)) throw error
      return undefined
    })
    if (range) await this.#check(range)
  }

  async #check(found: EngineRange): Promise<void> {
    const { name } = this.#link
    const { place, seq } = this.#standing()
    await checkStore(this.#link, found, { incarnation: this.#incarnation, place })
    if (found.first > place + 1) throw trimmed(name, place + 1, found.first, seq)
  }
}

/**
 * Makes sure that an engine still has what was acknowledged here.
 * @throws WALV_FOREIGN_LOG, WALV_DAMAGED
 */
export async function checkStore(
  link: EngineLink,
  found: EngineRange,
  known: { readonly incarnation: string; readonly place: number },
): Promise<void> {
  if (found.incarnation !== known.incarnation)
    throw recreated(link.name, known.incarnation, found.incarnation)
  for (let { last } = found, tries = 1; last < known.place; tries++) {
    if (tries === LOST_TRIES) throw endLost(link.name, known.place, last)
    await pause(link.timing.retryMs)
    last = (await link.insist('how far the log reaches', () => link.engine.range())).last
  }
}
