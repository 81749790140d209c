import type { DiskFile } from '../disk/disk.ts'
import { type Operations, systemError } from './operations.ts'
import type { SimulatedFile } from './simulated-file.ts'

/** An open file of a simulated disk. It stays usable when its name is changed or removed. */
export class SimulatedHandle implements DiskFile {
  readonly #operations: Operations
  readonly #file: SimulatedFile
  readonly #path: string
  readonly #writable: boolean
  /** Bytes that may still be written to new places. */
  readonly #freeBytes: () => number
  #closing: Promise<void> | undefined

  constructor(operations: Operations, file: SimulatedFile, path: string, writable: boolean, freeBytes: () => number) {
    this.#operations = operations
    this.#file = file
    this.#path = path
    this.#writable = writable
    this.#freeBytes = freeBytes
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    this.#refuseIfClosed()
    const asked = { kind: 'read', path: this.#path, position, bytes: buffer.length } as const
    return this.#operations.run(asked, (_, maxBytes) =>
      this.#file.read(buffer.length > maxBytes ? buffer.subarray(0, maxBytes) : buffer, position),
    )
  }

  async write(buffer: Uint8Array, position: number): Promise<number> {
    this.#refuseIfClosed()
    const asked = { kind: 'write', path: this.#path, position, bytes: buffer.length } as const
    return this.#operations.run(asked, ({ number }, maxBytes) => {
      if (!this.#writable) throw systemError('EBADF', `${this.#path} is open for reading`)
      const wanted = Math.min(buffer.length, maxBytes)
      const count = this.#file.room(position, wanted, this.#freeBytes())
      if (count === 0 && wanted > 0) throw systemError('ENOSPC', `no space left to write ${this.#path}`)
      this.#file.write(buffer.subarray(0, count), position, number)
      return count
    })
  }

  async sync(): Promise<void> {
    this.#refuseIfClosed()
    const through = this.#operations.effective
    return this.#operations.run(
      { kind: 'sync', path: this.#path },
      () => this.#file.sync(through),
      () => this.#file.loseSync(through),
    )
  }

  async size(): Promise<number> {
    this.#refuseIfClosed()
    return this.#operations.run({ kind: 'size', path: this.#path }, () => this.#file.size)
  }

  async truncate(bytes: number): Promise<void> {
    this.#refuseIfClosed()
    return this.#operations.run({ kind: 'truncate', path: this.#path, bytes }, ({ number }) => {
      if (!this.#writable) throw systemError('EINVAL', `${this.#path} is open for reading`)
      this.#file.truncate(bytes, number)
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#operations.run({ kind: 'close', path: this.#path }, () => {})
    return this.#closing
  }

  #refuseIfClosed(): void {
    if (this.#closing) throw systemError('EBADF', `${this.#path} is closed`)
  }
}
