import { clearTimeout, setTimeout } from '../../clock.ts'
import { WalError } from '../../errors.ts'
import type { SnapshotWriter } from '../log.ts'

/**
 * Runs snapshot functions so that closing ends. Once that has begun, one that for a while neither
 * writes nor ends is given up: it is not waited for any more, and what it writes later is refused.
 */
export class SnapshotWatch {
  readonly #directory: string
  readonly #patienceMs: number
  #isClosing = false
  #giveUp: ((error: WalError) => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(directory: string, patienceMs: number) {
    this.#directory = directory
    this.#patienceMs = patienceMs
  }

  /** One at a time. @throws WALV_CLOSED where it is given up */
  async run<T>(target: SnapshotWriter, work: (target: SnapshotWriter) => Promise<T>): Promise<T> {
    let givenUp: WalError | undefined
    const stalled = new Promise<never>((_, reject) => {
      this.#giveUp = (error) => {
        givenUp = error
        reject(error)
      }
    })
    const note = (): void => {
      if (givenUp) throw givenUp
      this.#wait()
    }
    const watched: SnapshotWriter = {
      write: async (name, pieces) => {
        note()
        await target.write(name, noted(pieces, note))
      },
      path: (name) => {
        note()
        return target.path(name)
      },
      share: async (from, file) => {
        note()
        await target.share!(from, file)
      },
    }
    this.#wait()
    try {
      return await Promise.race([work(watched), stalled])
    } finally {
      clearTimeout(this.#timer)
      this.#giveUp = undefined
    }
  }

  close(): void {
    this.#isClosing = true
    this.#wait()
  }

  #wait(): void {
    if (!this.#isClosing || this.#giveUp === undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#giveUp?.(this.#stalledError()), this.#patienceMs)
  }

  #stalledError(): WalError {
    const message = `The log in ${this.#directory} was closed while a snapshot was written, and its function did nothing for ${this.#patienceMs} ms (closeWaitMs): it was given up. The checkpoints before are as they were.`
    return new WalError('WALV_CLOSED', message, { file: this.#directory })
  }
}

async function* noted(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  note: () => void,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of pieces) {
    note()
    yield piece
  }
}
