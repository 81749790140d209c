/**
 * The content of one simulated file: what reads see (the page cache), what is surely on the disk,
 * and in between, for each sector and for the size, every version written since, any of which the
 * disk may have.
 */
import type { Choose } from './crash-choice.ts'
import {
  changedSectors,
  copySectors,
  countPages,
  PAGE_BYTES,
  type Page,
  pieces,
  SECTOR_BYTES,
  SECTORS_PER_PAGE,
  sectorOf,
  sectorSet,
  ZEROS,
  zeroed,
} from './pages.ts'

interface Unsynced {
  /** Number of the operation that made it. */
  readonly operation: number
  /**
   * Dropped by a sync that failed: nothing will write it any more, and whether it reached the disk
   * is open for ever.
   */
  lost: boolean
}

interface PageVersion extends Unsynced {
  readonly page: Page
  /** The sectors of the page that this version changed and that are still open, as a bit set. */
  sectors: number
}

interface SizeVersion extends Unsynced {
  readonly bytes: number
}

export class SimulatedFile {
  /** What reads see. A page that was never written is `undefined` and takes no space. */
  #pages: (Page | undefined)[] = []
  #size = 0
  #diskPages: (Page | undefined)[] = []
  #diskSize = 0
  readonly #changes = new Map<number, PageVersion[]>()
  #sizeChanges: SizeVersion[] = []
  /** For each sector, the page with what the last sync wrote over. */
  #replaced: (Page | undefined)[] = []
  /** Sectors that cannot be read: for reads, and on the disk as it surely is. */
  #broken = new Set<number>()
  #diskBroken = new Set<number>()
  #allocatedPages = 0
  readonly #writebackErrors: string[] = []

  /** The codes of writes that the system accepted and could not put on the disk. */
  get writebackErrors(): readonly string[] {
    return this.#writebackErrors
  }

  get size(): number {
    return this.#size
  }

  get allocatedBytes(): number {
    return this.#allocatedPages * PAGE_BYTES
  }

  read(buffer: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(buffer.length, this.#size - position))
    for (const { page, from, to, at } of pieces(position, count)) {
      buffer.set((this.#pages[page] ?? ZEROS).subarray(from, to), at)
    }
    return count
  }

  /** Whether a sector that a range touches cannot be read. */
  isBroken(position: number, length: number): boolean {
    const end = Math.min(position + length, this.#size)
    return [...this.#broken].some(
      (sector) => sector * SECTOR_BYTES < end && (sector + 1) * SECTOR_BYTES > position,
    )
  }

  /**
   * Whether a write here cannot be made: a part of a sector is to be kept, and the sector cannot be
   * read.
   */
  keepsBroken(position: number, length: number): boolean {
    const end = position + length
    const head = position % SECTOR_BYTES !== 0 && this.#broken.has(Math.floor(position / SECTOR_BYTES))
    return (
      head ||
      (end < this.#size && end % SECTOR_BYTES !== 0 && this.#broken.has(Math.floor(end / SECTOR_BYTES)))
    )
  }

  /**
   * How many of `length` bytes can be written at `position` when the disk has `freeBytes` left:
   * pages once written need no more space.
   */
  room(position: number, length: number, freeBytes: number): number {
    let free = Math.floor(freeBytes / PAGE_BYTES)
    for (const { page, at } of pieces(position, length)) {
      if (this.#pages[page] === undefined && free-- <= 0) return at
    }
    return length
  }

  write(bytes: Uint8Array, position: number, operation: number): void {
    for (const { page, from, to, at } of pieces(position, bytes.length)) {
      const piece = bytes.subarray(at, at + to - from)
      this.#setPage(page, written(this.#pages[page] ?? ZEROS, piece, from), sectorSet(from, to), operation)
    }
    if (bytes.length > 0 && position + bytes.length > this.#size)
      this.#setSize(position + bytes.length, operation)
  }

  truncate(bytes: number, operation: number): void {
    if (bytes === this.#size) return
    for (const { page, from, to } of pieces(bytes, this.#pages.length * PAGE_BYTES - bytes)) {
      const old = this.#pages[page]
      if (old) this.#setPage(page, from > 0 ? zeroed(old, from) : undefined, sectorSet(from, to), operation)
    }
    this.#setSize(bytes, operation)
  }

  /**
   * What operations from `from` up to `through` changed is on the disk from now on, except for what
   * an earlier sync lost.
   */
  sync(through: number, from: number = Number.NEGATIVE_INFINITY): void {
    const isMeant = ({ operation }: Unsynced): boolean => operation >= from && operation <= through
    for (const [page, versions] of this.#changes) this.#syncPage(page, versions, isMeant)
    const settled = this.#sizeChanges.findLastIndex((change) => !change.lost && isMeant(change))
    if (settled < 0) return
    this.#diskSize = this.#sizeChanges[settled]!.bytes
    this.#sizeChanges = this.#sizeChanges.slice(settled + 1)
  }

  /**
   * A sync that fails: the system takes what operations from `from` up to `through` changed for
   * written, and reads go on seeing it.
   */
  loseSync(through: number, from: number = Number.NEGATIVE_INFINITY): void {
    const unsynced: Unsynced[] = [...[...this.#changes.values()].flat(), ...this.#sizeChanges]
    for (const change of unsynced)
      if (change.operation >= from && change.operation <= through) change.lost = true
  }

  /** The system could not put on the disk what an operation wrote, and takes it for written. */
  failWriteback(operation: number, code: string): void {
    this.loseSync(operation, operation)
    this.#writebackErrors.push(code)
  }

  /** The oldest operation whose effect is not surely on the disk; Infinity if all is. */
  unsyncedSince(): number {
    let since = this.#sizeChanges[0]?.operation ?? Number.POSITIVE_INFINITY
    for (const versions of this.#changes.values()) since = Math.min(since, versions[0]!.operation)
    return since
  }

  /** The file as it is after a power cut. */
  crashed(path: string, choose: Choose): SimulatedFile {
    const file = new SimulatedFile()
    const size = this.#crashedSize(path, choose)
    const pages = this.#diskPages.slice()
    const broken = new Set([...this.#diskBroken].filter((sector) => sector * SECTOR_BYTES < size))
    const healing: Choose = (change) => {
      const version = choose(change)
      if (version > 0 && change.kind === 'sector') broken.delete(change.sector)
      return version
    }
    for (const [page, versions] of this.#changes) {
      const content = crashedPage(page, this.#diskPages[page], versions, size, path, healing)
      if (content) pages[page] = content
    }
    pages.length = Math.min(pages.length, Math.ceil(size / PAGE_BYTES))
    const tail = size % PAGE_BYTES
    const last = tail > 0 ? pages[(size - tail) / PAGE_BYTES] : undefined
    if (last) pages[(size - tail) / PAGE_BYTES] = zeroed(last, tail)
    file.#pages = pages
    file.#diskPages = pages.slice()
    file.#size = file.#diskSize = size
    file.#replaced = this.#replaced.slice()
    file.#broken = broken
    file.#diskBroken = new Set(broken)
    file.#allocatedPages = countPages(pages)
    return file
  }

  /**
   * The same file, its unsynced changes still open; their operations' numbers are lowered by
   * `earlier`.
   */
  clone(earlier: number): SimulatedFile {
    const isExpired = <V extends Unsynced>(version: V): V => ({
      ...version,
      operation: version.operation - earlier,
    })
    const file = new SimulatedFile()
    file.#pages = this.#pages.slice()
    file.#size = this.#size
    file.#diskPages = this.#diskPages.slice()
    file.#diskSize = this.#diskSize
    for (const [page, versions] of this.#changes) file.#changes.set(page, versions.map(isExpired))
    file.#sizeChanges = this.#sizeChanges.map(isExpired)
    file.#replaced = this.#replaced.slice()
    file.#broken = new Set(this.#broken)
    file.#diskBroken = new Set(this.#diskBroken)
    file.#allocatedPages = this.#allocatedPages
    return file
  }

  /** A sector as reads see it: 512 bytes, zeros behind the end of the file. */
  sector(sector: number): Uint8Array {
    return sectorOf(this.#pages[Math.floor(sector / SECTORS_PER_PAGE)] ?? ZEROS, sector).slice()
  }

  /** What was in a sector before the last sync that wrote to it; `undefined` if none did. */
  replacedSector(sector: number): Uint8Array | undefined {
    const page = this.#replaced[sector]
    return page && sectorOf(page, sector).slice()
  }

  /**
   * Rot: the disk and the reads have other bytes from now on, with no operation that did it. A
   * broken sector stays broken.
   */
  rotSector(sector: number, bytes: Uint8Array): void {
    const page = Math.floor(sector / SECTORS_PER_PAGE)
    const visible = Math.min(SECTOR_BYTES, this.#size - sector * SECTOR_BYTES)
    for (const pages of [this.#pages, this.#diskPages]) {
      const rotten = (pages[page] ?? ZEROS).slice()
      rotten.set(bytes.subarray(0, visible), (sector % SECTORS_PER_PAGE) * SECTOR_BYTES)
      pages[page] = rotten
    }
    this.#allocatedPages = countPages(this.#pages)
  }

  /**
   * A sector that can no longer be read, until all of it is written over; on the disk, until that
   * is there.
   */
  breakSector(sector: number): void {
    this.rotSector(sector, this.sector(sector))
    this.#broken.add(sector)
    this.#diskBroken.add(sector)
  }

  #setPage(index: number, page: Page | undefined, touched: number, operation: number): void {
    const before = this.#pages[index]
    this.#pages[index] = page
    if (!before && page) this.#allocatedPages++
    if (before && !page) this.#allocatedPages--
    const versions = this.#changes.get(index)
    // Writing what is there already changes nothing on the disk, unless it is there no longer,
    // after a failed sync or in a sector that broke.
    const lost = versions?.some((version) => version.lost)
    const healed = this.#healSectors(index, touched)
    const sectors = lost ? touched : changedSectors(before ?? ZEROS, page ?? ZEROS, touched) | healed
    if (sectors === 0) return
    const version = { page: page ?? ZEROS, sectors, operation, lost: false }
    if (versions) versions.push(version)
    else this.#changes.set(index, [version])
  }

  /**
   * Reads get what was written over broken sectors. Returns those that are broken on the disk until
   * it is there, as a bit set.
   */
  #healSectors(page: number, touched: number): number {
    let healed = 0
    for (let inPage = 0; inPage < SECTORS_PER_PAGE; inPage++) {
      const sector = page * SECTORS_PER_PAGE + inPage
      if (!(touched & (1 << inPage))) continue
      this.#broken.delete(sector)
      if (this.#diskBroken.has(sector)) healed |= 1 << inPage
    }
    return healed
  }

  #setSize(bytes: number, operation: number): void {
    this.#size = bytes
    const pages = Math.ceil(bytes / PAGE_BYTES)
    if (this.#pages.length > pages) this.#pages.length = pages
    this.#sizeChanges.push({ bytes, operation, lost: false })
  }

  #syncPage(index: number, versions: PageVersion[], isMeant: (version: PageVersion) => boolean): void {
    const before = this.#diskPages[index] ?? ZEROS
    // Where nothing stays open, the whole page is on the disk as reads see it: what no version
    // changed is the same there.
    const complete = versions.every((version) => !version.lost && isMeant(version))
    const after = complete ? (this.#pages[index] ?? ZEROS) : before.slice()
    let settled = 0
    for (const version of versions.toReversed()) {
      if (!isMeant(version)) continue
      if (!version.lost) {
        if (!complete) copySectors(version.page, after, version.sectors & ~settled)
        settled |= version.sectors
      }
      version.sectors &= ~settled
    }
    for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
      if (!(settled & (1 << sector))) continue
      this.#replaced[index * SECTORS_PER_PAGE + sector] = before
      this.#diskBroken.delete(index * SECTORS_PER_PAGE + sector)
    }
    this.#diskPages[index] = after
    const open = versions.filter((version) => version.sectors !== 0)
    if (open.length > 0) this.#changes.set(index, open)
    else this.#changes.delete(index)
  }

  #crashedSize(path: string, choose: Choose): number {
    if (this.#sizeChanges.length === 0) return this.#diskSize
    const version = choose({ kind: 'size', path, operations: operationsOf(this.#sizeChanges) })
    return version === 0 ? this.#diskSize : this.#sizeChanges[version - 1]!.bytes
  }
}

/**
 * A page with a choice for each of its open sectors below `size`; `undefined` if the page on the
 * disk stays.
 */
function crashedPage(
  index: number,
  onDisk: Page | undefined,
  versions: readonly PageVersion[],
  size: number,
  path: string,
  choose: Choose,
): Page | undefined {
  let content: Page | undefined
  for (let inPage = 0; inPage < SECTORS_PER_PAGE; inPage++) {
    const sector = index * SECTORS_PER_PAGE + inPage
    if (sector * SECTOR_BYTES >= size) break
    const candidates = versions.filter((version) => version.sectors & (1 << inPage))
    if (candidates.length === 0) continue
    const version = choose({ kind: 'sector', path, sector, operations: operationsOf(candidates) })
    if (version === 0) continue
    content ??= (onDisk ?? ZEROS).slice()
    copySectors(candidates[version - 1]!.page, content, 1 << inPage)
  }
  return content
}

function operationsOf(versions: readonly Unsynced[]): number[] {
  return [Number.NEGATIVE_INFINITY, ...versions.map(({ operation }) => operation)]
}

/**
 * A page with some of its bytes written anew. Zeros are what most of a file is made of, and are
 * kept once.
 */
function written(page: Page, bytes: Uint8Array, from: number): Page {
  if (bytes.length === PAGE_BYTES && Buffer.compare(bytes, ZEROS) === 0) return ZEROS
  const copy = page.slice()
  copy.set(bytes, from)
  return copy
}
