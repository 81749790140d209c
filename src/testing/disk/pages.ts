/**
 * The pages that simulated files are made of, and their sectors: what the system caches, and what a
 * disk writes whole.
 */

export const SECTOR_BYTES = 512
export const PAGE_BYTES = 4096
export const SECTORS_PER_PAGE: number = PAGE_BYTES / SECTOR_BYTES

/**
 * Never changed once it is part of a file: files, their versions and all crash states share pages.
 */
export type Page = Uint8Array
export const ZEROS: Page = new Uint8Array(PAGE_BYTES)

/**
 * Cuts a range of a file at the borders of pages: `from` and `to` are offsets within the page, `at`
 * is the offset within the range.
 */
export function* pieces(
  position: number,
  length: number,
): Generator<{ page: number; from: number; to: number; at: number }> {
  for (let at = 0; at < length; ) {
    const from = (position + at) % PAGE_BYTES
    const to = Math.min(PAGE_BYTES, from + length - at)
    yield { page: (position + at - from) / PAGE_BYTES, from, to, at }
    at += to - from
  }
}

/** The sectors of a page that a range of it touches, as a bit set. */
export function sectorSet(from: number, to: number): number {
  const first = Math.floor(from / SECTOR_BYTES)
  const end = Math.ceil(to / SECTOR_BYTES)
  return (1 << end) - (1 << first)
}

export function sectorOf(page: Page, sector: number): Uint8Array {
  const from = (sector % SECTORS_PER_PAGE) * SECTOR_BYTES
  return page.subarray(from, from + SECTOR_BYTES)
}

/** Which of the sectors in a bit set differ between two pages. */
export function changedSectors(before: Page, after: Page, among: number): number {
  let changed = 0
  for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
    if (!(among & (1 << sector))) continue
    if (Buffer.compare(sectorOf(before, sector), sectorOf(after, sector)) !== 0) changed |= 1 << sector
  }
  return changed
}

export function copySectors(from: Page, to: Uint8Array, sectors: number): void {
  for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
    if (sectors & (1 << sector)) to.set(sectorOf(from, sector), sector * SECTOR_BYTES)
  }
}

/** A page whose bytes from `from` on are zeros. */
export function zeroed(page: Page, from: number): Page {
  return page.slice().fill(0, from)
}

export function countPages(pages: readonly (Page | undefined)[]): number {
  return pages.reduce((count, page) => (page ? count + 1 : count), 0)
}
