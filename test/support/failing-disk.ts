import type { Disk, DiskEntry, DiskFile, DiskLock } from '../../src/disk/disk.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'

/** The operations of `Disk` and `DiskFile`, by their names. */
export type Operation = keyof Disk | keyof DiskFile

export interface Fault {
  readonly operation: Operation
  /** Which paths are meant. Default: all. */
  readonly path?: RegExp
  /**
   * The error's code. Without one, a write succeeds and is short: it says that it has written
   * `written` bytes.
   */
  readonly code?: string
  /** Instead of a code: the error itself. */
  readonly error?: Error
  /** Which of the matching calls from now on is the first to fail. Default 1. */
  readonly nth?: number
  /** How many calls in a row fail. Default 1. */
  readonly times?: number
  /** Of a write that fails: how many of its bytes are written all the same. Default 0. */
  readonly written?: number
}

interface Armed extends Fault {
  seen: number
}

export interface Call {
  readonly operation: Operation
  readonly path: string
  /** Of a read or write: bytes asked for. */
  readonly bytes?: number
  /** Of an open. */
  readonly mode?: 'read' | 'write' | 'create'
  /** Of a rename: the new name. */
  readonly to?: string
  /** The code of the error that it ended with. */
  error?: string | undefined
}

export interface Hold {
  readonly reached: Promise<void>
  release(): void
}

const HOLD_MS = 10_000

interface Deferred {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

function deferred(): Deferred {
  let resolve = (): void => {}
  let reject = (_: Error): void => {}
  const promise = new Promise<void>((done, failed) => {
    resolve = done
    reject = failed
  })
  // Whoever does not await it does not want to know.
  promise.catch(() => {})
  return { promise, resolve, reject }
}

const EVERYWHERE = /^/

/** The real disk, which notes every call, fails where it is told to, and can be made to wait. */
export class FailingDisk implements Disk {
  readonly calls: Call[] = []
  readonly #disk: Disk
  /** What the open files are called now. */
  readonly #places = new Set<{ path: string }>()
  #faults: Armed[] = []
  #gates: { operation: Operation; path: RegExp; reached: Deferred; released: Deferred }[] = []

  constructor(disk: Disk = nodeDisk) {
    this.#disk = disk
  }

  fail(fault: Fault): void {
    this.#faults.push({ ...fault, seen: 0 })
  }

  /** Nothing fails any more. */
  heal(): void {
    this.#faults = []
  }

  /**
   * Makes the matching calls wait until `release` is called, or for 10 s so that no failure becomes
   * a hang; `reached` resolves when the first of them waits, and rejects if by then none does.
   */
  hold(operation: Operation, path: RegExp = EVERYWHERE): Hold {
    const gate = { operation, path, reached: deferred(), released: deferred() }
    this.#gates.push(gate)
    const release = (): void => {
      clearTimeout(overdue)
      this.#gates = this.#gates.filter((each) => each !== gate)
      gate.released.resolve()
    }
    const overdue = setTimeout(() => {
      gate.reached.reject(new Error(`nothing came to ${operation} ${path} within ${HOLD_MS} ms`))
      release()
    }, HOLD_MS)
    return { reached: gate.reached.promise, release }
  }

  count(operation: Operation, path: RegExp = EVERYWHERE): number {
    return this.calls.filter((call) => call.operation === operation && path.test(call.path)).length
  }

  /**
   * Notes a call and runs it, unless it is to fail; `partly` is what a call that fails does all the
   * same.
   */
  async #run<T>(
    operation: Operation,
    path: string,
    work: () => Promise<T>,
    more: Partial<Call> = {},
    partly?: (fault: Fault) => Promise<unknown>,
  ): Promise<T> {
    const call: Call = { operation, path, ...more }
    this.calls.push(call)
    for (const gate of this.#gates.filter((each) => each.operation === operation && each.path.test(path))) {
      gate.reached.resolve()
      await gate.released.promise
    }
    try {
      const fault = this.#faultFor(operation, path)
      if (fault) {
        const done = await partly?.(fault)
        if (fault.error) throw fault.error
        if (fault.code === undefined) return done as T
        throw errno(fault.code, `${operation} ${path}`)
      }
      return await work()
    } catch (error) {
      call.error = (error as NodeJS.ErrnoException).code
      throw error
    }
  }

  #faultFor(operation: Operation, path: string): Fault | undefined {
    const matching = this.#faults.filter(
      (fault) => fault.operation === operation && (fault.path ?? EVERYWHERE).test(path),
    )
    for (const fault of matching) {
      const turn = ++fault.seen - (fault.nth ?? 1)
      if (turn >= 0 && turn < (fault.times ?? 1)) return fault
    }
    return undefined
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const file = await this.#run('open', path, () => this.#disk.open(path, mode), { mode })
    const place = { path }
    this.#places.add(place)
    const run = <T>(operation: Operation, work: () => Promise<T>): Promise<T> =>
      this.#run(operation, place.path, work)
    return {
      read: (buffer, at) =>
        this.#run('read', place.path, () => file.read(buffer, at), { bytes: buffer.length }),
      write: (buffer, at) =>
        this.#run(
          'write',
          place.path,
          () => file.write(buffer, at),
          { bytes: buffer.length },
          ({ written = 0 }) => file.write(buffer.subarray(0, written), at),
        ),
      sync: () => run('sync', () => file.sync()),
      size: () => run('size', () => file.size()),
      truncate: (bytes) => run('truncate', () => file.truncate(bytes)),
      close: () => {
        this.#places.delete(place)
        return run('close', () => file.close())
      },
    }
  }

  list(directory: string): Promise<DiskEntry[]> {
    return this.#run('list', directory, () => this.#disk.list(directory))
  }

  makeDirectory(path: string): Promise<void> {
    return this.#run('makeDirectory', path, () => this.#disk.makeDirectory(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#run('rename', from, () => this.#disk.rename(from, to), { to })
    for (const place of this.#places) if (place.path === from) place.path = to
  }

  async renameNew(from: string, to: string): Promise<void> {
    await this.#run('renameNew', from, () => this.#disk.renameNew(from, to), { to })
    for (const place of this.#places) if (place.path === from) place.path = to
  }

  remove(path: string): Promise<void> {
    return this.#run('remove', path, () => this.#disk.remove(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.#run('syncDirectory', path, () => this.#disk.syncDirectory(path))
  }

  freeBytes(directory: string): Promise<number> {
    return this.#run('freeBytes', directory, () => this.#disk.freeBytes!(directory))
  }

  lock(path: string, owner: string): Promise<DiskLock | { readonly held: true; readonly owner: string }> {
    return this.#run('lock', path, () => this.#disk.lock(path, owner))
  }
}

/** An error as the operating system gives it. */
export const errno = (code: string, what = 'on purpose'): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: ${what}`), { code })
