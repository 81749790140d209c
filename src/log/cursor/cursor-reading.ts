import type { CursorPlace } from './cursor-file.ts'

/** So many places are remembered between the one that is committed and the last that was told. */
const MAX_PLACES = 1_024

/** Reads a log on from where a cursor stands, and knows where it may be moved to. */
export class CursorReading {
  /** In their order: those that were told, some of them left out where there are many. */
  #places: CursorPlace[]
  #asked: CursorPlace

  /** Of the cursor. */
  readonly name: string

  constructor(name: string, committed: CursorPlace) {
    this.name = name
    this.#places = [committed]
    this.#asked = committed
  }

  /** Behind the last unit that was told. */
  get place(): CursorPlace {
    return this.#places.at(-1)!
  }

  /** Behind the last unit that the next one was asked for after. */
  get asked(): CursorPlace {
    return this.#asked
  }

  told(place: CursorPlace): void {
    this.#places.push(place)
    // The first and the last stay.
    if (this.#places.length > MAX_PLACES)
      this.#places = this.#places.filter((_, at) => at % 2 === 0 || at === this.#places.length - 1)
  }

  /** Another unit was asked for. */
  goOn(): void {
    this.#asked = this.place
  }

  /**
   * The place behind a record that was told: where reading has to begin then, or earlier. What has
   * to be read never begins further back as the log goes on.
   */
  at(position: number): CursorPlace {
    const { replayFrom } = this.#places.findLast((place) => place.position <= position)!
    return { position, replayFrom }
  }

  /** What was told before is not asked about any more. */
  forget(committed: CursorPlace): void {
    const first = this.#places.findLastIndex(({ position }) => position <= committed.position)
    this.#places = this.#places.slice(Math.max(0, first))
  }
}
