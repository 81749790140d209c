/** Everything that a disk may do to the files of a log. */
import type { Random } from '../../src/testing/random.ts'
import { type Files, overwritten, resized, SECTOR, type Unreadable } from './damage-disk.ts'
import type { Original } from './damage-logs.ts'

export interface Harm {
  readonly name: string
  readonly apply: (files: Files) => Files
  readonly unreadable?: readonly Unreadable[]
}

interface Place {
  readonly path: string
  readonly sector: number
}

/** Space that nothing was ever written to is the same everywhere. */
const UNUSED_STEP = 64
/** The last bytes of a header of 512, and the first, that are not zeros. */
const HEADER_FIELDS = 88
const HEADER_SUM = 508

const isLock = (path: string): boolean => path.endsWith('/LOCK')

/** Paths of the files that matter, segments first. */
const pathsOf = ({ files }: Original): string[] => [...files.keys()].filter((path) => !isLock(path)).sort()

const briefly = (path: string): string => path.split('/').slice(-2).join('/')

/** Every sector up to the one behind the end of what is in use; of what follows, one of many. */
const sectorsOf = (original: Original): Place[] =>
  pathsOf(original).flatMap((path) => {
    const used = Math.ceil(usedBytesOf(original, path) / SECTOR)
    const all = Array.from(
      { length: Math.ceil(original.files.get(path)!.length / SECTOR) },
      (_, sector) => sector,
    )
    return all
      .filter((sector) => sector <= used || sector % UNUSED_STEP === 0)
      .map((sector) => ({ path, sector }))
  })

const usedBytesOf = ({ files, segments }: Original, path: string): number =>
  segments.find((segment) => segment.path === path)?.frames.at(-1)?.to ?? files.get(path)!.length

const replace = (files: Files, ...changes: [path: string, bytes: Buffer][]): Files =>
  new Map([...files, ...changes])

/** A file that is no longer there stays away. */
const changed = (files: Files, path: string, change: (bytes: Buffer) => Buffer): Files => {
  const bytes = files.get(path)
  return bytes ? replace(files, [path, change(bytes)]) : files
}

/** A sector, filled up with zeros behind the end of the file. */
const sectorIn = (bytes: Buffer | undefined, sector: number): Buffer =>
  resized((bytes ?? Buffer.alloc(0)).subarray(sector * SECTOR, (sector + 1) * SECTOR), SECTOR)

const flip = (path: string, offset: number, bit: number): Harm => ({
  name: `bit ${bit} at ${offset} of ${briefly(path)} flipped`,
  apply: (files) =>
    changed(files, path, (bytes) => overwritten(bytes, Buffer.of((bytes[offset] ?? 0) ^ (1 << bit)), offset)),
})

/** Of so many frames one has every bit flipped, and the others one in each byte. */
const FRAME_STEP = 4

/**
 * Every bit of the first frame of each segment and of every fourth behind it; of the others, and of
 * the fields of headers, one in each byte, and of zeros and of snapshots one in each word of 8
 * bytes. With `all` every bit there is.
 */
export function* flips(original: Original, all: boolean): Generator<Harm> {
  for (const path of pathsOf(original)) {
    const { frames } = original.segments.find((segment) => segment.path === path) ?? { frames: undefined }
    for (let offset = 0; offset < original.files.get(path)!.length; offset++) {
      const frame = frames?.findIndex(({ from, to }) => from <= offset && offset < to) ?? -1
      if (all || (frame >= 0 && frame % FRAME_STEP === 0))
        yield* EVERY_BIT.map((bit) => flip(path, offset, bit))
      else if (frame >= 0 || (frames && isField(offset))) yield flip(path, offset, offset % 8)
      else if (offset % 8 === 0) yield flip(path, offset, (offset / 8) % 8)
    }
  }
}

const EVERY_BIT = [0, 1, 2, 3, 4, 5, 6, 7]

const isField = (offset: number): boolean =>
  offset < 2 * SECTOR && (offset % SECTOR < HEADER_FIELDS || offset % SECTOR >= HEADER_SUM)

export function* zeroedSectors(original: Original): Generator<Harm> {
  for (const { path, sector } of sectorsOf(original)) {
    yield {
      name: `sector ${sector} of ${briefly(path)} zeroed`,
      apply: (files) =>
        changed(files, path, (bytes) => overwritten(bytes, Buffer.alloc(SECTOR), sector * SECTOR)),
    }
  }
}

/** Two sectors and more, one behind the other, up to the whole file. */
export function* zeroedRuns(original: Original): Generator<Harm> {
  for (const { path, sector } of sectorsOf(original)) {
    const rest = original.files.get(path)!.length - sector * SECTOR
    for (let bytes = 2 * SECTOR; bytes < rest + SECTOR; bytes += SECTOR) {
      yield {
        name: `${bytes / SECTOR} sectors from ${sector} on of ${briefly(path)} zeroed`,
        apply: (files) =>
          changed(files, path, (content) => overwritten(content, Buffer.alloc(bytes), sector * SECTOR)),
      }
    }
  }
}

/** Reads of one sector fail; its bytes are as they were. */
export function* unreadableSectors(original: Original): Generator<Harm> {
  for (const place of sectorsOf(original)) {
    const name = `sector ${place.sector} of ${briefly(place.path)} unreadable`
    yield { name, apply: (files) => files, unreadable: [place] }
  }
}

export function* swappedSectors(original: Original): Generator<Harm> {
  const places = sectorsOf(original)
  for (const [index, one] of places.entries()) {
    for (const other of places.slice(index + 1)) yield swap(one, other)
  }
}

const swap = (one: Place, other: Place): Harm => ({
  name: `sector ${one.sector} of ${briefly(one.path)} and sector ${other.sector} of ${briefly(other.path)} exchanged`,
  apply: (files) => {
    const [first, second] = [one, other].map(({ path, sector }) => sectorIn(files.get(path), sector))
    const half = changed(files, one.path, (bytes) => overwritten(bytes, second!, one.sector * SECTOR))
    return changed(half, other.path, (bytes) => overwritten(bytes, first!, other.sector * SECTOR))
  },
})

/**
 * Every length of every file; or, without `all`, those at which a word of 8 bytes ends, and their
 * neighbours where a frame, a sector or the file does.
 */
export function* cuts(original: Original, all: boolean): Generator<Harm> {
  for (const path of pathsOf(original)) {
    const { frames } = original.segments.find((segment) => segment.path === path) ?? { frames: [] }
    const ends = new Set([...frames.map(({ to }) => to), original.files.get(path)!.length])
    const isNearEnd = (length: number): boolean =>
      [length - 1, length, length + 1].some((near) => near % SECTOR === 0 || ends.has(near))
    for (let length = 0; length < original.files.get(path)!.length; length++) {
      if (all || length % 8 === 0 || isNearEnd(length)) yield cut(path, length)
    }
  }
}

const cut = (path: string, length: number): Harm => ({
  name: `${briefly(path)} cut to ${length}`,
  apply: (files) => changed(files, path, (bytes) => bytes.subarray(0, length)),
})

/** Over each frame, each other one that was ever written. */
export function* strayFrames(original: Original): Generator<Harm> {
  for (const { path, from, to, seq } of original.segments.flatMap(({ frames }) => frames)) {
    const own = original.files.get(path)!.subarray(from, to)
    for (const [index, stray] of original.strays.entries()) {
      if (stray.equals(own)) continue
      const name = `stray frame ${index} over that of record ${seq} at ${from} of ${briefly(path)}`
      yield { name, apply: (files) => changed(files, path, (bytes) => overwritten(bytes, stray, from)) }
    }
  }
}

/** Each sector as it was in an earlier version of its file: a write that was lost. */
export function* staleSectors(original: Original): Generator<Harm> {
  for (const { path, sector } of sectorsOf(original)) {
    for (const [index, version] of original.earlier.get(path)!.entries()) {
      const stale = sectorIn(version, sector)
      if (stale.equals(sectorIn(original.files.get(path), sector))) continue
      const name = `sector ${sector} of ${briefly(path)} as in its version ${index}`
      yield {
        name,
        apply: (files) => changed(files, path, (bytes) => overwritten(bytes, stale, sector * SECTOR)),
      }
    }
  }
}

export function* staleFiles(original: Original): Generator<Harm> {
  for (const [path, versions] of original.earlier) {
    for (const [index, version] of versions.entries()) {
      yield {
        name: `${briefly(path)} as in its version ${index}`,
        apply: (files) => changed(files, path, () => version),
      }
    }
  }
}

export function* removedFiles({ files: all }: Original): Generator<Harm> {
  for (const path of all.keys()) {
    yield {
      name: `${briefly(path)} removed`,
      apply: (files) => new Map([...files].filter(([each]) => each !== path)),
    }
  }
}

/** Every snapshot with all its files. */
export function* removedSnapshots({ checkpoints }: Original): Generator<Harm> {
  for (const { entry } of checkpoints) {
    const name = entry.snapshot!.name
    const apply = (files: Files): Files => new Map([...files].filter(([path]) => !path.includes(`/${name}/`)))
    yield { name: `${name} removed`, apply }
  }
}

export function* exchangedFiles({ files: all }: Original): Generator<Harm> {
  const paths = [...all.keys()]
  for (const [index, one] of paths.entries()) {
    for (const other of paths.slice(index + 1)) {
      yield {
        name: `${briefly(one)} and ${briefly(other)} exchanged`,
        apply: (files) => {
          const [first, second] = [files.get(one), files.get(other)]
          return first && second ? replace(files, [one, second], [other, first]) : files
        },
      }
    }
  }
}

/** Some of them, as the seed has it. */
export function* sampled(harms: Iterable<Harm>, share: number, random: Random): Generator<Harm> {
  for (const harm of harms) if (random.chance(share)) yield harm
}

/** Pairs of any of all these, as the seed has it. */
export function* pairs(original: Original, count: number, random: Random): Generator<Harm> {
  const kinds = [
    zeroedSectors,
    unreadableSectors,
    swappedSectors,
    strayFrames,
    staleSectors,
    staleFiles,
    removedFiles,
    exchangedFiles,
  ]
  const harms = kinds.map((kind) => [...kind(original)]).filter((each) => each.length > 0)
  const paths = pathsOf(original)
  const one = (): Harm => {
    const path = random.pick(paths)
    const offset = random.below(original.files.get(path)!.length)
    const kind = random.below(harms.length + 2)
    if (kind === harms.length) return flip(path, offset, random.below(8))
    return kind > harms.length ? cut(path, offset) : random.pick(harms[kind]!)
  }
  for (let pair = 0; pair < count; pair++) {
    const [first, second] = [one(), one()]
    yield {
      name: `${first.name}; ${second.name}`,
      apply: (files) => second.apply(first.apply(files)),
      unreadable: [...(first.unreadable ?? []), ...(second.unreadable ?? [])],
    }
  }
}
