import { ownerIn, setText } from './lock-owner.ts'
import { namesOf } from './paths.ts'
import { SIMULATED_DISK_OPTIONS, type SimulatedDiskOptions } from './simulated-disk-options.ts'
/**
 * A disk in memory that does what a real one may do, and the same again for the same seed.
 *
 * - Writes that were not synced persist in any subset and any order of 512-byte sectors; a size
 *   lands without its data, data without its size.
 * - Names that were created, renamed or removed come and go independently, each whole, until their
 *   directories are synced. Syncing a file does not make its name durable.
 * - A sync that fails drops what it should have written: reads go on seeing it, a later sync
 *   succeeds, and the disk has it or not.
 * - Reads and writes may be short; any operation may fail; space may run out; what is long on the
 *   disk may rot, and sectors may get unreadable.
 *
 * Every operation takes effect one turn of the microtask queue after its call, in the order of the
 * calls; with latency, after some turns of the event loop, in any order. A sync covers what had
 * taken effect when it was called, and nothing that was still under way.
 */

import type { Disk, DiskEntry, DiskFile, DiskLock } from '../../disk/disk.ts'
import { checkOptions } from '../../option-names.ts'
import { Random } from '../random.ts'
import { type Choose, type CrashChoice, chooser, everyChoice } from './crash-choice.ts'
import { type Operation, type OperationHook, Operations, systemError } from './operations.ts'
import { SECTOR_BYTES } from './pages.ts'
import { SimulatedExchange } from './simulated-exchange.ts'
import { SimulatedFile } from './simulated-file.ts'
import { SimulatedHandle, type Standing } from './simulated-handle.ts'
import {
  type NameAssignment,
  SimulatedDirectory,
  SimulatedNames,
  type SimulatedNode,
} from './simulated-names.ts'

/**
 * A disk as the machine may find it after a power cut, and the choice that leads there:
 * `crash(choice)` makes it again.
 */
export interface CrashState {
  readonly disk: SimulatedDisk
  readonly choice: CrashChoice
}

/**
 * A disk in memory that may do what a real one may, and does the same again for the same seed. It
 * is empty at first; its root is `/`. What can befall it is described in `docs/testing.md`.
 */
export class SimulatedDisk implements Disk {
  /** See `SimulatedDiskOptions.seed`. */
  readonly seed: number
  /**
   * Space for the content of files, in pages of 4 KiB. What does not fit is not written: the write
   * is short, or `ENOSPC` if nothing fits. A page that was written before can always be written
   * again; holes and names take no space. Default: no end.
   */
  quotaBytes: number
  /**
   * Most turns of the event loop (`setImmediate`) that pass before an operation takes effect, and
   * as many again until its caller is answered; how many, the seed decides. Operations that are
   * under way together then take effect and are answered in any order. Default 0: in the order of
   * the calls.
   */
  readonly maxLatencyTurns: number
  readonly #operations: Operations
  readonly #random: Random
  readonly #locks = new Map<SimulatedFile, DiskLock>()
  readonly #exchange: SimulatedExchange
  #names = new SimulatedNames()

  constructor(options: SimulatedDiskOptions = {}) {
    checkOptions('SimulatedDisk', options, SIMULATED_DISK_OPTIONS)
    this.seed = options.seed ?? 1
    this.quotaBytes = options.quotaBytes ?? Number.POSITIVE_INFINITY
    this.maxLatencyTurns = options.maxLatencyTurns ?? 0
    this.#operations = new Operations(this.maxLatencyTurns, new Random(this.seed))
    this.#random = new Random(this.seed)
    this.#exchange = new SimulatedExchange(this.seed)
  }

  /**
   * How processes that share a directory talk to each other, with delays that the seed decides. A
   * disk that `kill` or `crash` makes has one of its own, on which nobody listens.
   */
  get exchange(): SimulatedExchange {
    return this.#exchange
  }

  /** Everything that this disk did or refused, in order. */
  get ops(): readonly Operation[] {
    return this.#operations.trace
  }

  /**
   * Called just before an operation takes effect; what it returns befalls the operation. `crash`,
   * `crashStates`, `kill` and `stop` may be called in it: they see the disk as the operation before
   * left it.
   */
  set onOperation(hook: OperationHook | undefined) {
    this.#operations.hook = hook
  }

  /**
   * Whether the machine has stopped. Every operation then rejects with `EIO`, those under way
   * included.
   */
  get stopped(): boolean {
    return this.#operations.stopped
  }

  /** Stops the machine. `kill` and `crash` still make new disks of what it left. */
  stop(): void {
    this.#operations.stopped = true
  }

  /** Bytes that the content of all files takes. */
  get usedBytes(): number {
    return [...this.#names.files()].reduce((used, file) => used + file.allocatedBytes, 0)
  }

  // What a machine can suffer.

  /**
   * The disk as the machine finds it after a power cut at this moment: a new one. This one goes on
   * as it was.
   */
  crash(choice: CrashChoice): SimulatedDisk {
    const until = this.#operations.effective
    const since = Math.min(this.#names.unsyncedSince(), until)
    return this.#crashed(chooser(choice, since, until))
  }

  /**
   * What a power cut at this moment may leave: every state if there are at most `limit`, else
   * `limit` samples, the two where nothing and where everything landed among them. The disk may be
   * used on while the states are looked at.
   */
  crashStates(limit: number): Iterable<CrashState> {
    return this.kill().#states(limit, new Random(this.seed + this.ops.length))
  }

  /**
   * The disk as the next process finds it when this one is killed at this moment: everything handed
   * to the system is there, what was not synced can still be lost in a power cut, and nobody holds
   * a lock. A new one; this one goes on as it was.
   */
  kill(): SimulatedDisk {
    const disk = new SimulatedDisk(this)
    disk.#names = this.#names.clone(this.#operations.effective + 1)
    return disk
  }

  /** Flips one bit of a file: bit 0 to 7 of the byte at `offset`. */
  flipBit(path: string, offset: number, bit = 0): void {
    const sector = Math.floor(offset / SECTOR_BYTES)
    const { file, bytes } = this.#sectorToRot(path, sector)
    bytes[offset % SECTOR_BYTES]! ^= 1 << bit
    file.rotSector(sector, bytes)
  }

  /** Fills a sector with zeros. Sectors have 512 bytes and are counted from 0 in their file. */
  zeroSector(path: string, sector: number): void {
    this.#sectorToRot(path, sector).file.rotSector(sector, new Uint8Array(SECTOR_BYTES))
  }

  /**
   * Puts back what was in a sector before the last sync that wrote to it, as if that write had been
   * lost. False if none ever did.
   */
  staleSector(path: string, sector: number): boolean {
    const { file } = this.#sectorToRot(path, sector)
    const old = file.replacedSector(sector)
    if (old) file.rotSector(sector, old)
    return old !== undefined
  }

  /** Exchanges two sectors, of the same file or of two, as misdirected writes do. */
  swapSectors(path: string, sector: number, otherPath: string, otherSector: number): void {
    const one = this.#sectorToRot(path, sector)
    const other = this.#sectorToRot(otherPath, otherSector)
    one.file.rotSector(sector, other.bytes)
    other.file.rotSector(otherSector, one.bytes)
  }

  /**
   * A sector that can no longer be read: reads that touch it fail with `EIO`, and so do writes that
   * are to keep a part of it. All of it written over, it is as good as new, once that is on the
   * disk. Other rot does not make it readable.
   */
  breakSector(path: string, sector: number): void {
    this.#sectorToRot(path, sector).file.breakSector(sector)
  }

  // What a process can ask.

  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const kind = mode === 'create' ? 'create' : 'open'
    return this.#operations.run({ kind, path }, (operation) => {
      const file = mode === 'create' ? this.#create(path, operation) : this.#file(path)
      const standing = (): Standing => this.#standing(file, path)
      return new SimulatedHandle(
        this.#operations,
        file,
        path,
        mode !== 'read',
        () => this.#freeBytes(),
        standing,
      )
    })
  }

  list(path: string): Promise<DiskEntry[]> {
    return this.#operations.run({ kind: 'list', path }, () => {
      const entries = [...this.#directory(path).entries].map(
        ([name, node]): DiskEntry => ({ name, kind: node instanceof SimulatedFile ? 'file' : 'directory' }),
      )
      return this.#random.shuffle(entries)
    })
  }

  makeDirectory(path: string): Promise<void> {
    return this.#operations.run({ kind: 'makeDirectory', path }, ({ number }) => {
      const names = namesOf(path)
      if (this.#names.find(names)) throw systemError('EEXIST', path)
      const assignment = { ...this.#names.slot(names), node: new SimulatedDirectory() }
      this.#names.apply('makeDirectory', path, [assignment], number)
    })
  }

  rename(path: string, to: string): Promise<void> {
    return this.#operations.run({ kind: 'rename', path, to }, ({ number }) => {
      const source = this.#names.slot(namesOf(path))
      const target = this.#names.slot(namesOf(to))
      const node = source.directory.entries.get(source.name)
      const replaced = target.directory.entries.get(target.name)
      if (!node) throw systemError('ENOENT', path)
      if (node === replaced) return
      if (node instanceof SimulatedDirectory && node.contains(target.directory))
        throw systemError('EINVAL', to)
      if (replaced instanceof SimulatedDirectory) {
        if (replaced.contains(source.directory)) throw systemError('ENOTEMPTY', to)
        if (node instanceof SimulatedFile) throw systemError('EISDIR', to)
        if (replaced.entries.size > 0) throw systemError('ENOTEMPTY', to)
      } else if (replaced && node instanceof SimulatedDirectory) throw systemError('ENOTDIR', to)
      const ended: NameAssignment = { ...source, node: undefined }
      this.#names.apply('rename', `${path} -> ${to}`, [ended, { ...target, node }], number)
    })
  }

  /** Of a file, two operations: between them the machine may stop, and either may fail. */
  async renameNew(path: string, to: string): Promise<void> {
    const isLinked = await this.#operations.run({ kind: 'link', path, to }, ({ number }) =>
      this.#names.link(path, namesOf(path), namesOf(to), number),
    )
    if (isLinked) await this.remove(path)
  }

  /** As the same file, under two names. */
  share(path: string, to: string): Promise<void> {
    return this.#operations.run({ kind: 'link', path, to }, ({ number }) => {
      this.#file(path)
      this.#names.link(path, namesOf(path), namesOf(to), number)
    })
  }

  remove(path: string): Promise<void> {
    return this.#operations.run({ kind: 'remove', path }, ({ number }) => {
      const slot = this.#names.slot(namesOf(path))
      if (!slot.directory.entries.has(slot.name)) throw systemError('ENOENT', path)
      this.#removeAll(path, { ...slot, node: undefined }, number)
    })
  }

  syncDirectory(path: string): Promise<void> {
    const through = this.#operations.effective
    return this.#operations.run(
      { kind: 'syncDirectory', path },
      () => this.#names.sync(this.#directory(path), through),
      () => this.#names.loseSync(this.#directory(path), through),
    )
  }

  lock(path: string, owner: string): Promise<DiskLock | { held: true; owner: string }> {
    return this.#operations.run({ kind: 'lock', path }, (operation) => {
      const file = this.#names.find(namesOf(path)) ? this.#file(path) : this.#create(path, operation)
      if (this.#locks.has(file)) return { held: true, owner: ownerIn(file) }
      const lock = {
        isStillHeld: () => this.#isStillHeld(path, file, lock),
        release: () => this.#unlock(path, file, lock),
      }
      this.#locks.set(file, lock)
      setText(file, `${owner}\n`, operation.number)
      return lock
    })
  }

  freeBytes(path: string): Promise<number> {
    return this.#operations.run({ kind: 'freeBytes', path }, () => {
      this.#directory(path)
      return Math.max(0, this.#freeBytes())
    })
  }

  #isStillHeld(path: string, file: SimulatedFile, lock: DiskLock): Promise<boolean> {
    return this.#operations.run({ kind: 'lockCheck', path }, () => {
      return this.#locks.get(file) === lock && this.#nodeAt(path) === file
    })
  }

  #unlock(path: string, file: SimulatedFile, lock: DiskLock): Promise<void> {
    return this.#operations.run({ kind: 'unlock', path }, ({ number }) => {
      if (this.#locks.get(file) !== lock) return
      this.#locks.delete(file)
      setText(file, '', number)
    })
  }

  *#states(limit: number, random: Random): Generator<CrashState> {
    const states: CrashState[] = []
    for (const { result, choices } of everyChoice((choose) => this.#crashed(choose))) {
      states.push({ disk: result, choice: choices })
      if (states.length > limit) break
    }
    if (states.length <= limit) return yield* states
    const choices: CrashChoice[] = ['nothing', 'everything']
    while (choices.length < limit) choices.push({ seed: random.next() })
    for (const choice of choices.slice(0, limit)) yield { disk: this.crash(choice), choice }
  }

  #crashed(choose: Choose): SimulatedDisk {
    const disk = new SimulatedDisk(this)
    disk.#names = this.#names.crashed(choose)
    return disk
  }

  #freeBytes(): number {
    return this.quotaBytes === Number.POSITIVE_INFINITY ? this.quotaBytes : this.quotaBytes - this.usedBytes
  }

  #standing(file: SimulatedFile, path: string): Standing {
    if (this.#names.files().has(file)) return 'named'
    return this.#nodeAt(path) ? 'replaced' : 'gone'
  }

  /** What a path leads to, if to anything. */
  #nodeAt(path: string): SimulatedNode | undefined {
    try {
      return this.#names.find(namesOf(path))
    } catch {
      return undefined
    }
  }

  #create(path: string, { number }: Operation): SimulatedFile {
    const slot = this.#names.slot(namesOf(path))
    if (slot.directory.entries.has(slot.name)) throw systemError('EEXIST', path)
    const file = new SimulatedFile()
    this.#names.apply('create', path, [{ ...slot, node: file }], number)
    return file
  }

  #removeAll(path: string, slot: NameAssignment, operation: number): void {
    const node = slot.directory.entries.get(slot.name)
    if (node instanceof SimulatedDirectory) {
      for (const name of [...node.entries.keys()]) {
        this.#removeAll(`${path}/${name}`, { directory: node, name, node: undefined }, operation)
      }
    }
    this.#names.apply('remove', path, [slot], operation)
  }

  #file(path: string): SimulatedFile {
    const node = this.#names.find(namesOf(path))
    if (!node) throw systemError('ENOENT', path)
    if (node instanceof SimulatedDirectory) throw systemError('EISDIR', path)
    return node
  }

  #directory(path: string): SimulatedDirectory {
    const node = this.#names.find(namesOf(path))
    if (!node) throw systemError('ENOENT', path)
    if (node instanceof SimulatedFile) throw systemError('ENOTDIR', path)
    return node
  }

  #sectorToRot(path: string, sector: number): { file: SimulatedFile; bytes: Uint8Array } {
    const file = this.#file(path)
    if (!(sector >= 0 && sector * SECTOR_BYTES < file.size)) {
      throw new RangeError(`${path} has no sector ${sector}: it is ${file.size} bytes long`)
    }
    return { file, bytes: file.sector(sector) }
  }
}
