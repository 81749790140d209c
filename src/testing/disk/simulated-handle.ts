import type { DiskFile } from '../../disk/disk.ts'
import { type Effect, type Operation, type Operations, systemError } from './operations.ts'
import type { SimulatedFile } from './simulated-file.ts'

/**
 * Whether a file has a name, and if not, whether another file has the path that it was opened by.
 */
export type Standing = 'named' | 'replaced' | 'gone'

/** An open file of a simulated disk. It stays usable when its name is changed or removed. */
export class SimulatedHandle implements DiskFile {
  readonly #operations: Operations
  readonly #file: SimulatedFile
  readonly #path: string
  readonly #writable: boolean
  /** Bytes that may still be written to new places. */
  readonly #freeBytes: () => number
  readonly #standing: () => Standing
  readonly #underWay = new Set<Promise<unknown>>()
  /**
   * Of how many writes that failed later its syncs have told. Of what failed before it was opened
   * they never do.
   */
  #told: number
  #closing: Promise<void> | undefined

  constructor(
    operations: Operations,
    file: SimulatedFile,
    path: string,
    writable: boolean,
    freeBytes: () => number,
    standing: () => Standing,
  ) {
    this.#operations = operations
    this.#file = file
    this.#path = path
    this.#writable = writable
    this.#freeBytes = freeBytes
    this.#standing = standing
    this.#told = file.writebackErrors.length
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#run({ kind: 'read', position, bytes: buffer.length }, (_, maxBytes) => {
      const wanted = Math.min(buffer.length, maxBytes)
      if (this.#file.isBroken(position, wanted))
        throw systemError('EIO', `${this.#path} has a sector that cannot be read`)
      const count = this.#file.read(buffer.subarray(0, wanted), position)
      if (count < buffer.length && this.#standing() === 'gone') throw systemError('ENOENT', this.#path)
      return count
    })
  }

  write(buffer: Uint8Array, position: number): Promise<number> {
    return this.#write(buffer, position, () => {})
  }

  /** Two operations: between them the machine may stop, and either may fail. */
  async writeSynced(buffer: Uint8Array, position: number): Promise<number> {
    let written = -1
    const count = await this.#write(buffer, position, (operation) => {
      written = operation
    })
    await this.#run(
      { kind: 'sync' },
      () => this.#syncAndTell(written, written),
      () => this.#file.loseSync(written, written),
    )
    return count
  }

  /**
   * A write that failed behind its caller's back is told once a descriptor, by the next sync; what
   * else there is to sync is synced.
   */
  #syncAndTell(through: number, from?: number): void {
    this.#file.sync(through, from)
    const code = this.#file.writebackErrors[this.#told]
    this.#told = this.#file.writebackErrors.length
    if (code !== undefined)
      throw systemError(code, `an earlier write to ${this.#path} did not reach the disk`)
  }

  #write(buffer: Uint8Array, position: number, note: (operation: number) => void): Promise<number> {
    return this.#run({ kind: 'write', position, bytes: buffer.length }, ({ number }, maxBytes, writeback) => {
      this.#refuseIfReadOnly('EBADF')
      const wanted = Math.min(buffer.length, maxBytes)
      const count = this.#file.room(position, wanted, this.#freeBytes())
      if (count === 0 && wanted > 0) throw systemError('ENOSPC', `no space left to write ${this.#path}`)
      this.#refuseIfItKeepsBroken(position, count)
      this.#file.write(buffer.subarray(0, count), position, number)
      note(number)
      if (writeback !== undefined) this.#file.failWriteback(number, writeback)
      return count
    })
  }

  sync(): Promise<void> {
    const through = this.#operations.effective
    return this.#run(
      { kind: 'sync' },
      () => this.#syncAndTell(through),
      () => this.#file.loseSync(through),
    )
  }

  size(): Promise<number> {
    return this.#run({ kind: 'size' }, () => this.#file.size)
  }

  truncate(bytes: number): Promise<void> {
    return this.#run({ kind: 'truncate', bytes }, ({ number }) => {
      this.#refuseIfReadOnly('EINVAL')
      this.#refuseIfItKeepsBroken(bytes, Number.POSITIVE_INFINITY)
      this.#file.truncate(bytes, number)
    })
  }

  /** Two operations: between them the machine may stop, and either may fail. */
  async discard(): Promise<void> {
    if (this.#standing() === 'named') return
    await this.truncate(Math.floor(this.#file.size / 2))
    await this.truncate(0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle()
    return this.#closing
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    return this.#operations.run({ kind: 'close', path: this.#path }, () => {})
  }

  async #run<T>(asked: Omit<Operation, 'number' | 'path'>, effect: Effect<T>, lose?: () => void): Promise<T> {
    if (this.#closing) throw systemError('EBADF', `${this.#path} is closed`)
    const work = this.#operations.run({ ...asked, path: this.#path }, effect, lose)
    const leave = (): boolean => this.#underWay.delete(work)
    this.#underWay.add(work)
    work.then(leave, leave)
    return work
  }

  #refuseIfReadOnly(code: string): void {
    if (!this.#writable) throw systemError(code, `${this.#path} is open for reading`)
  }

  #refuseIfItKeepsBroken(position: number, bytes: number): void {
    if (!this.#file.keepsBroken(position, bytes)) return
    throw systemError('EIO', `${this.#path} has a sector that cannot be read, and a part of it is to be kept`)
  }
}
