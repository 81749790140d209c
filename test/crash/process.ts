/** A process as a disk sees it: what it asks for while it lives, and nothing after its death. */
import type { Disk, DiskEntry, DiskFile, DiskLock } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { ExchangeOfProcess } from '../../src/testing/disk/simulated-exchange.ts'

export class Process implements Disk {
  /** Operations that can change something on the disk. */
  changes = 0
  /** Resolves at its death. */
  readonly death: Promise<void>
  readonly exchange?: ExchangeOfProcess
  readonly #disk: Disk
  readonly #locks = new Set<DiskLock>()
  readonly #underWay = new Set<Promise<unknown>>()
  #operationsLeft = Number.POSITIVE_INFINITY
  #die!: () => void
  #dead = false

  constructor(disk: Disk) {
    this.#disk = disk
    if (disk instanceof SimulatedDisk) this.exchange = disk.exchange.process()
    this.death = new Promise((resolve) => {
      this.#die = resolve
    })
  }

  /** It dies when it asks for the operation after so many more. */
  killAfter(operations: number): void {
    this.#operationsLeft = operations
  }

  /**
   * Resolves when the system has ended what it was told to do before, and has let go of the locks.
   */
  async kill(): Promise<void> {
    this.#dead = true
    this.exchange?.kill()
    await Promise.allSettled(this.#underWay)
    for (const lock of this.#locks) await lock.release()
    this.#die()
  }

  /** The system stops it, until `resume`: it asks for nothing and takes nothing. */
  stop(): void {
    this.exchange?.stop()
  }

  resume(): void {
    this.exchange?.resume()
  }

  get isDead(): boolean {
    return this.#dead
  }

  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const opened = this.#ask(mode === 'create', () => this.#disk.open(path, mode))
    return opened.then((file) => this.#fileOf(file))
  }

  list(directory: string): Promise<DiskEntry[]> {
    return this.#ask(false, () => this.#disk.list(directory))
  }

  makeDirectory(path: string): Promise<void> {
    return this.#ask(true, () => this.#disk.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#ask(true, () => this.#disk.rename(from, to))
  }

  renameNew(from: string, to: string): Promise<void> {
    return this.#ask(true, () => this.#disk.renameNew(from, to))
  }

  remove(path: string): Promise<void> {
    return this.#ask(true, () => this.#disk.remove(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.#ask(true, () => this.#disk.syncDirectory(path))
  }

  lock(path: string, owner: string): Promise<DiskLock | { readonly held: true; readonly owner: string }> {
    return this.#ask(true, async () => {
      const lock = await this.#disk.lock(path, owner)
      if (lock.held) return lock
      this.#locks.add(lock)
      const release = async (): Promise<void> => {
        await lock.release()
        this.#locks.delete(lock)
      }
      return {
        isStillHeld: () => this.#ask(false, () => lock.isStillHeld()),
        release: () => this.#ask(true, release),
      }
    })
  }

  #fileOf(file: DiskFile): DiskFile {
    return {
      read: (buffer, position) => this.#ask(false, () => file.read(buffer, position)),
      write: (buffer, position) => this.#ask(true, () => file.write(buffer, position)),
      ...(file.writeSynced && {
        writeSynced: (buffer, position) => this.#ask(true, () => file.writeSynced!(buffer, position)),
      }),
      sync: () => this.#ask(true, () => file.sync()),
      size: () => this.#ask(false, () => file.size()),
      truncate: (bytes) => this.#ask(true, () => file.truncate(bytes)),
      ...(file.discard && { discard: () => this.#ask(true, () => file.discard!()) }),
      close: () => this.#ask(false, () => file.close()),
    }
  }

  /** The dead get no answer, not even to what they asked before. */
  async #ask<T>(changes: boolean, operation: () => Promise<T>): Promise<T> {
    if (this.exchange?.isStopped) await this.exchange.running()
    if (this.#operationsLeft-- <= 0 && !this.#dead) void this.kill()
    if (this.#dead) return new Promise(() => {})
    if (changes) this.changes++
    const work = operation()
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
      if (this.#dead) await new Promise(() => {})
    }
  }
}
