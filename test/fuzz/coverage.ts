import { type Profiler, Session } from 'node:inspector'

/** What ran since the last look. */
export interface Look {
  /** Whether any of it had not been kept before. */
  readonly isNew: boolean
  /** How often functions were called and blocks run, in all: work that no clock has to measure. */
  readonly steps: number
}

/**
 * V8's own count of the functions and blocks that run in this thread. There is one count for a
 * thread: whoever else counts there, such as a coverage report, counts wrong.
 */
export class Coverage {
  readonly #session = new Session()
  readonly #sources: readonly string[]
  /** Of every function by its place: which of its characters have run. */
  readonly #ran = new Map<string, Uint8Array>()
  /** Characters of code that have run; those of a function within another count for both. */
  characters = 0

  /** `sources`: how the URLs of the code begin that counts. */
  constructor(sources: readonly string[]) {
    this.#sources = sources
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** `keep`: what ran now is not new the next time. */
  look(keep: boolean): Look {
    let steps = 0
    let isNew = false
    for (const { url, functions } of this.#take()) {
      if (!this.#sources.some((source) => url.startsWith(source))) continue
      for (const { ranges } of functions) {
        for (const { count } of ranges) steps += count
        if (this.#compare(url, ranges, keep)) isNew = true
      }
    }
    return { isNew, steps }
  }

  close(): void {
    this.#session.disconnect()
  }

  /**
   * The first range is the function; those behind it lie within it, and within each other, where
   * the count is another.
   */
  #compare(url: string, ranges: readonly Profiler.CoverageRange[], keep: boolean): boolean {
    const { startOffset: start, endOffset: end, count } = ranges[0]!
    if (count === 0) return false
    const now = new Uint8Array(end - start)
    for (const range of ranges)
      now.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start)
    const key = `${url}:${start}-${end}`
    const ran = this.#ran.get(key) ?? new Uint8Array(end - start)
    if (!keep) return now.some((runs, at) => runs > ran[at]!)
    const before = this.characters
    for (let at = 0; at < now.length; at++) {
      if (now[at]! > ran[at]!) this.characters++
      ran[at]! |= now[at]!
    }
    this.#ran.set(key, ran)
    return this.characters > before
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = []
    this.#session.post('Profiler.takePreciseCoverage', (error, found) => {
      if (error) throw error
      result = found.result
    })
    return result
  }
}
