import type { Disk, DiskFile } from '../../src/disk/disk.ts'
import { FailingDisk } from './failing-disk.ts'

/** A disk on which something happens just before a certain file is opened to be read. */
export class TakenOverDisk extends FailingDisk {
  readonly #path: string
  readonly #takeOver: () => Promise<unknown>
  #left: number

  /** `nth`: before which of the openings, from 1. */
  constructor(disk: Disk, path: string, nth: number, takeOver: () => Promise<unknown>) {
    super(disk)
    this.#path = path
    this.#left = nth
    this.#takeOver = takeOver
  }

  /** Whether it has happened. */
  get isTakenOver(): boolean {
    return this.#left <= 0
  }

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    if (mode === 'read' && path === this.#path && --this.#left === 0) await this.#takeOver()
    return super.open(path, mode)
  }
}
