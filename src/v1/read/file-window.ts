import { type Disk, type DiskFile, readFully } from '../../disk/disk.ts'
import { WalError } from '../../errors.ts'
import { diskError } from '../disk-error.ts'
import { isRepeatedV1Header, V1_HEADER_BYTES, V1_MAGIC } from '../format/segment.ts'

const WINDOW_BYTES = 1024 * 1024
/**
 * For who leaps about: so much is read where nothing was read before it, twice as much each time
 * that reading goes on. So little is read in vain.
 */
export const LEAPING_BYTES = 4096
/** As many times the file, claims that overlap may be looked into. */
const MAX_LOOKED_INTO_TIMES = 4
const ZEROS = Buffer.alloc(64 * 1024)

/**
 * A file read through a window of 1 MiB. Never takes more memory than that and what a caller keeps,
 * and never more than the file holds.
 */
export class FileWindow {
  readonly #file: DiskFile
  readonly #path: string
  readonly #signal: AbortSignal | undefined
  readonly #memory: Buffer
  #size: number
  /** The memory holds the file from here … */
  #start = 0
  /** … to here. */
  #end = 0
  readonly #leastBytes: number
  #ahead: number
  #lookedInto = 0

  private constructor(
    file: DiskFile,
    path: string,
    size: number,
    signal: AbortSignal | undefined,
    leastBytes: number,
  ) {
    this.#leastBytes = leastBytes
    this.#ahead = leastBytes
    this.#file = file
    this.#path = path
    this.#signal = signal
    this.#size = size
    this.#memory = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, size))
  }

  /**
   * Of what is not in memory, at least `leastBytes` are read. Undefined if there is no such file:
   * the retention of a live writer may have removed it since its directory was listed.
   */
  static async open(
    disk: Disk,
    path: string,
    signal?: AbortSignal,
    leastBytes: number = WINDOW_BYTES,
  ): Promise<FileWindow | undefined> {
    let file: DiskFile | undefined
    try {
      file = await disk.open(path, 'read')
      return new FileWindow(file, path, await file.size(), signal, leastBytes)
    } catch (error) {
      await file?.close()
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw diskError(error, 'Opening', path)
    }
  }

  async close(): Promise<void> {
    // It was only read: what closing answers means nothing.
    await this.#file.close().catch(() => {})
  }

  /**
   * Whether a claim of so many bytes may be looked into that others may claim too. Counts them.
   * Damage alone has few of those; headers and lengths that were put there to claim each other's
   * bytes would take the square of the file.
   */
  mayLookInto(bytes: number): boolean {
    this.#lookedInto += bytes
    return this.#lookedInto <= MAX_LOOKED_INTO_TIMES * this.#size
  }

  /**
   * As it was when the window was made, or less if the file turned out to be shorter since. What is
   * appended meanwhile is not looked at.
   */
  get size(): number {
    return this.#size
  }

  /**
   * A view of up to `length` bytes, fewer only at the end of the file, if they are in memory. Valid
   * until the next read.
   */
  cached(offset: number, length: number): Buffer | undefined {
    const end = Math.min(offset + length, this.#size)
    if (offset < this.#start || end > this.#end) return undefined
    return this.#memory.subarray(offset - this.#start, Math.max(end, offset) - this.#start)
  }

  /** The same, read if it is not in memory; `length` is at most the window's. */
  async view(offset: number, length: number): Promise<Buffer> {
    const cached = this.cached(offset, length)
    if (cached) return cached
    const goesOn = offset >= this.#start && offset <= this.#end
    this.#ahead = goesOn ? this.#ahead * 2 : this.#leastBytes
    this.#start = offset
    this.#end = offset
    const wanted = this.#memory.subarray(
      0,
      Math.min(Math.max(length, this.#ahead), Math.max(0, this.#size - offset)),
    )
    this.#end = offset + (await this.#read(wanted, offset))
    return this.#memory.subarray(0, Math.min(length, this.#end - offset))
  }

  /** A copy of up to `length` bytes, fewer only at the end of the file. */
  async copy(offset: number, length: number): Promise<Uint8Array> {
    if (length <= this.#memory.length) return new Uint8Array(await this.view(offset, length))
    const bytes = new Uint8Array(Math.min(length, Math.max(0, this.#size - offset)))
    return bytes.subarray(0, await this.#read(bytes, offset))
  }

  /** How many zeros in a row begin at `offset`. */
  async countZeros(offset: number): Promise<number> {
    let at = offset
    while (at < this.#size) {
      const bytes = await this.#viewOn(at, 1)
      const zeros = leadingZeros(bytes)
      at += zeros
      if (zeros < bytes.length) break
    }
    return at - offset
  }

  /** Where the first repeated header begins, at `from` or behind it but before `end`. */
  async findHeader(from: number, end: number): Promise<number | undefined> {
    let at = from
    while (at < end && at + V1_HEADER_BYTES <= this.#size) {
      const view = await this.#viewOn(at, V1_HEADER_BYTES)
      // A header may begin before `end` and reach beyond it; looking any further would make many
      // short searches slow.
      const bytes = view.subarray(0, end - at + V1_HEADER_BYTES - 1)
      for (let hit = bytes.indexOf(V1_MAGIC); hit >= 0; hit = bytes.indexOf(V1_MAGIC, hit + 1)) {
        if (isRepeatedV1Header(bytes, hit)) return at + hit
      }
      at += Math.max(1, bytes.length - V1_HEADER_BYTES + 1)
    }
    return undefined
  }

  /** Everything in memory from `offset` on, at least `least` bytes unless the file ends before. */
  async #viewOn(offset: number, least: number): Promise<Buffer> {
    await this.view(offset, least)
    return this.#memory.subarray(offset - this.#start, this.#end - this.#start)
  }

  async #read(target: Uint8Array, offset: number): Promise<number> {
    if (this.#signal?.aborted) throw aborted(this.#signal)
    const count = await readFully(this.#file, target, offset).catch((error) => {
      throw diskError(error, 'Reading', this.#path)
    })
    if (count < target.length) this.#size = offset + count
    return count
  }
}

export function aborted(signal: AbortSignal): WalError {
  return new WalError('WALV_ABORTED', 'Reading the log was aborted by its signal.', { cause: signal.reason })
}

function leadingZeros(bytes: Buffer): number {
  let at = 0
  while (at < bytes.length) {
    const length = Math.min(ZEROS.length, bytes.length - at)
    if (bytes.compare(ZEROS, 0, length, at, at + length) !== 0) break
    at += length
  }
  while (at < bytes.length && bytes[at] === 0) at++
  return at
}
