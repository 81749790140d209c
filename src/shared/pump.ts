import { WalError } from '../errors.ts'
import type { CommittedUnit } from '../log/log.ts'
import type { Wal } from '../log/wal.ts'

interface Expecting {
  readonly before: number
  readonly reached: () => void
}

/** Whom the reading is for. */
export interface Reader {
  apply(unit: CommittedUnit): void
  /** What comes next is not kept any more. Resolves to where to go on. */
  overtaken(wal: Wal): Promise<number>
  /** Nothing more will be read, and why. */
  failed(error: unknown): void
}

/** Reads what others write, as it becomes readable, and has it applied in its order. */
export class Pump {
  readonly #wal: Wal
  readonly #ended = new AbortController()
  readonly #reader: Reader
  readonly #run: Promise<void>
  /** Everything before it was applied. */
  #reached: number
  #expecting: Expecting[] = []
  #failure: unknown

  constructor(wal: Wal, next: number, reader: Reader) {
    this.#wal = wal
    this.#reached = next
    this.#reader = reader
    this.#run = this.#applyAll(next).catch((error) => {
      this.#failure = error
      this.#tell()
      reader.failed(error)
    })
  }

  /** Everything before this may be read. */
  reveal(before: number): void {
    this.#wal.reveal(before)
  }

  /**
   * Resolves when everything before this was applied.
   * @throws why nothing more is read
   */
  async through(before: number): Promise<void> {
    this.reveal(before)
    if (this.#reached < before && this.#failure === undefined)
      await new Promise<void>((reached) => this.#expecting.push({ before, reached }))
    if (this.#failure !== undefined) throw this.#failure
  }

  async end(): Promise<void> {
    this.#ended.abort()
    await this.#run
    this.#failure ??= new Error('the reading was ended')
    this.#tell()
    await this.#wal.close()
  }

  async #applyAll(from: number): Promise<void> {
    for (let next = from; !this.#ended.signal.aborted; ) {
      try {
        await this.#applyFrom(next)
      } catch (error) {
        if (!isTrimmed(error)) throw error
        next = await this.#reader.overtaken(this.#wal)
        this.#pass(next)
      }
    }
  }

  async #applyFrom(from: number): Promise<void> {
    const waits = (reached: number | undefined): void => {
      if (reached !== undefined) this.#pass(reached)
    }
    const options = { from, borrow: true, signal: this.#ended.signal }
    for await (const unit of this.#wal.tailWith(options, { holds: false, waits })) {
      if (this.#ended.signal.aborted) return
      this.#reader.apply(unit)
      this.#pass(unit.seq + 1)
    }
  }

  #pass(reached: number): void {
    this.#reached = Math.max(this.#reached, reached)
    if (this.#expecting.length > 0) this.#tell()
  }

  #tell(): void {
    const isDone = ({ before }: Expecting): boolean => this.#failure !== undefined || before <= this.#reached
    const done = this.#expecting.filter(isDone)
    this.#expecting = this.#expecting.filter((each) => !isDone(each))
    for (const { reached } of done) reached()
  }
}

export const isTrimmed = (error: unknown): boolean =>
  error instanceof WalError && error.code === 'WALV_SEQUENCE_TRIMMED'
