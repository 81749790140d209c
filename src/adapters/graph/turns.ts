import { setImmediate, setTimeout } from '../../clock.ts'

interface Turn {
  readonly handle: NodeJS.Immediate | NodeJS.Timeout
  readonly delayMs: number
}

/** Runs work in a later turn of the event loop, once for however many have asked for it. */
export class Turns {
  readonly #run: () => void
  #next: Turn | undefined
  #isAwaited = false

  constructor(run: () => void) {
    this.#run = run
  }

  /** 0: in the next turn. What is asked for later may only make it sooner. */
  ask(delayMs: number): void {
    if (this.#next !== undefined && this.#next.delayMs <= delayMs) return
    const run = (): void => {
      // One that was asked for sooner has taken its place.
      if (this.#next !== turn) return
      this.#next = undefined
      this.#run()
    }
    const handle = delayMs === 0 ? setImmediate(run) : setTimeout(run, delayMs)
    if (!this.#isAwaited) handle.unref()
    const turn: Turn = { handle, delayMs }
    this.#next = turn
  }

  cancel(): void {
    this.#next = undefined
  }

  /** A loop that has nothing else to do ends, unless somebody waits for the work. */
  keepAlive(isAwaited: boolean): void {
    this.#isAwaited = isAwaited
    if (isAwaited) this.#next?.handle.ref()
    else this.#next?.handle.unref()
  }
}
