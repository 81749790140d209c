import type { DiskLock } from '../disk/disk.ts'
import { WalError } from '../errors.ts'

/** `found`: what shows that the directory is not this writer's alone any more. */
export const lockLost = (directory: string, found: string): WalError =>
  new WalError(
    'WALV_LOCK_LOST',
    `${found} Another process may write in ${directory} by now, so this log takes no more appends. ` +
      'What it acknowledged is in the files that it has open, wherever those are now, and whoever came in has read it. ' +
      `Stop every process that writes there, and run npx walv doctor ${directory} before opening it again.`,
    { file: directory },
  )

/**
 * The lock of an open log. Whoever has it owns the names in the directory. It is lost for good once
 * its path leads to another file, or to none: the operating system then gives the next opener a
 * lock, too.
 */
export class DirectoryLock {
  readonly held?: never
  readonly #lock: DiskLock
  readonly #directory: string
  #lost: WalError | undefined

  constructor(lock: DiskLock, directory: string) {
    this.#lock = lock
    this.#directory = directory
  }

  /** What was found when the lock was last looked at. */
  get lost(): WalError | undefined {
    return this.#lost
  }

  /**
   * Looks whether the lock is still the one that was taken; rejects with the system's error where
   * that cannot be told.
   */
  async look(): Promise<WalError | undefined> {
    if (this.#lost === undefined && !(await this.#lock.isStillHeld())) {
      const found = `The lock of the log in ${this.#directory} is not the one that was taken: its file LOCK was removed or replaced, or the directory was renamed, removed or restored.`
      this.#lost = lockLost(this.#directory, found)
    }
    return this.#lost
  }

  /** A file is there that only the holder of the lock makes. */
  lose(error: WalError): void {
    this.#lost ??= error
  }

  release(): Promise<void> {
    return this.#lock.release()
  }
}
