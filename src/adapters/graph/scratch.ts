import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PIECE_BYTES = 1024 * 1024

/**
 * A file by path, for an engine that reads and writes by path alone: what is durable goes through
 * walv. It is in the system's folder for temporary files (`TMPDIR`), for this user only. Where the
 * system allows it, it has no name, so that a process that is killed leaves nothing behind.
 *
 * Synchronous, as the engines are. A piece is small, so other work is not kept waiting.
 */
export class Scratch {
  readonly path: string
  readonly #descriptor: number
  readonly #folder: string

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'walv-graph-'))
    const path = join(this.#folder, 'graph')
    try {
      this.#descriptor = openSync(path, 'wx+', 0o600)
    } catch (error) {
      this.#removeName()
      throw error
    }
    const nameless = `/proc/self/fd/${this.#descriptor}`
    const canBeNameless = existsSync(nameless)
    if (canBeNameless) this.#removeName()
    this.path = canBeNameless ? nameless : path
  }

  get bytes(): number {
    return fstatSync(this.#descriptor).size
  }

  /** Adds at the end. */
  append(piece: Uint8Array): void {
    for (let done = 0; done < piece.length; ) done += writeSync(this.#descriptor, piece, done)
  }

  /** All of it; a piece is valid until the next is asked for. */
  *pieces(): Generator<Uint8Array, void, void> {
    const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES)
    for (let at = 0; ; ) {
      const count = readSync(this.#descriptor, buffer, 0, buffer.length, at)
      if (count === 0) return
      yield buffer.subarray(0, count)
      at += count
    }
  }

  close(): void {
    closeSync(this.#descriptor)
    this.#removeName()
  }

  #removeName(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
