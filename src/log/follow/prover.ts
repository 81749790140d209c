import type { Disk } from '../../disk/disk.ts'
import { analyze } from '../recover/analysis.ts'
import { type LogDirectory, readDirectory } from '../recover/directory.ts'
import type { ProvedLog } from '../recover/proved-part.ts'

/** So much is found before it is proved, and so much where a new segment is begun. */
const STEP_BYTES = 4 * 1024 * 1024
const SEALED_BYTES = 64 * 1024

/** How far a log was followed: all records with a smaller number, the last of them in there. */
export interface FoundThrough {
  readonly segment: number
  readonly before: number
}

/**
 * Reads and verifies what is followed, step by step, as an opening does all at once. So a process
 * that is to write the log has little left to prove then.
 */
export class Prover {
  readonly #disk: Disk
  readonly #directory: string
  readonly #ended = new AbortController()
  #proved: ProvedLog | undefined
  #foundBytes = 0
  #isBegun = false
  #stepBytes = STEP_BYTES
  #running: Promise<void> | undefined

  constructor(disk: Disk, directory: string, proved: ProvedLog | undefined) {
    this.#disk = disk
    this.#directory = directory
    this.#proved = proved
  }

  get proved(): ProvedLog | undefined {
    return this.#proved
  }

  /** So many bytes more of the log were found. */
  found(bytes: number, through: FoundThrough): void {
    this.#foundBytes += bytes
    const { signal } = this.#ended
    const leastBytes = this.#isBegun ? Math.max(SEALED_BYTES, this.#stepBytes - STEP_BYTES) : this.#stepBytes
    if (this.#foundBytes < leastBytes || this.#running || signal.aborted) return
    this.#foundBytes = 0
    this.#isBegun = false
    this.#running = this.#prove(through, signal).finally(() => {
      this.#running = undefined
    })
  }

  /** A new segment is begun: its first record says what it says of those before. */
  begun(): void {
    this.#isBegun = true
  }

  async #prove(through: FoundThrough, signal: AbortSignal): Promise<void> {
    try {
      const directory = foundIn(await readDirectory(this.#disk, this.#directory), through)
      const known = { proved: this.#proved, end: through.before }
      const { proved, damage } = await analyze(this.#disk, directory, { signal, ...known })
      this.#proved = proved ?? this.#proved
      // Where something is wrong, all of the log is read: ever more rarely.
      const isSound = damage.every(({ kind }) => kind === 'torn-tail')
      this.#stepBytes = isSound ? STEP_BYTES : 2 * this.#stepBytes
    } catch {
      // Files are let go of meanwhile: the next step finds those that are left.
    }
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#running
  }
}

/** What is behind is looked at in the next step: of what is made ahead there nothing is read. */
const foundIn = (directory: LogDirectory, { segment }: FoundThrough): LogDirectory => ({
  ...directory,
  segments: directory.segments.filter(({ number }) => number <= segment),
  reach: undefined,
})
