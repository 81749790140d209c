import type { Disk } from '../../disk/disk.ts'
import { analyze } from '../recover/analysis.ts'
import { readDirectory } from '../recover/directory.ts'
import type { ProvedLog } from '../recover/proved-part.ts'

/** So much is found before it is proved, and so much where a new segment is begun. */
const STEP_BYTES = 4 * 1024 * 1024
const SEALED_BYTES = 64 * 1024

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

  /** So many bytes of the log were found. */
  found(bytes: number): void {
    this.#foundBytes += bytes
    this.#proveFrom(this.#stepBytes)
  }

  /** A new segment is begun: what it says covers those before. */
  begun(): void {
    this.#proveFrom(Math.max(SEALED_BYTES, this.#stepBytes - STEP_BYTES))
  }

  #proveFrom(leastBytes: number): void {
    if (this.#foundBytes < leastBytes || this.#running || this.#ended.signal.aborted) return
    this.#foundBytes = 0
    this.#running = this.#prove().finally(() => {
      this.#running = undefined
    })
  }

  async #prove(): Promise<void> {
    const { signal } = this.#ended
    try {
      const directory = await readDirectory(this.#disk, this.#directory)
      const { proved, damage } = await analyze(this.#disk, directory, { signal, proved: this.#proved })
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
