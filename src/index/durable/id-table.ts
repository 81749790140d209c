const PARTS = 1024
const PART_BITS = 10
const FIRST_SLOTS = 16
const MOST_FILLED = 3 / 4
const MAX_GROWTH = 16
const MAX_EXPECTED = 2 ** 20
/** Words of a slot: the hash of an id, and its record's place plus one; 0 if it is free. */
const SLOT_WORDS = 2

interface Part {
  words: Uint32Array
  count: number
}

/**
 * Finds the places of records by the hashes of their ids: open addressing in many small tables,
 * each of which doubles on its own, so that nothing takes long. Numbers alone, in memory that the
 * garbage collector does not walk through. A place is a whole number below 2^32 − 1.
 */
export class IdTable {
  readonly #parts: (Part | undefined)[] = new Array(PARTS).fill(undefined)
  readonly #isWanted: (place: number) => boolean
  #expectedSlots = FIRST_SLOTS

  /** @param isWanted whether the record at a place is of the id that is looked for */
  constructor(isWanted: (place: number) => boolean) {
    this.#isWanted = isWanted
  }

  /**
   * So many ids are going to come, as is said: tables grow by more at a time, and none beyond what
   * a million ids take.
   */
  expect(count: number): void {
    const slots = Math.min(count, MAX_EXPECTED) / PARTS / MOST_FILLED
    while (this.#expectedSlots < slots) this.#expectedSlots *= 2
  }

  /** −1 if there is none. */
  find(hash: number): number {
    const part = this.#parts[hash & (PARTS - 1)]
    if (part === undefined) return -1
    const { words } = part
    const mask = words.length - 1
    for (let at = homeOf(hash, mask); words[at + 1] !== 0; at = (at + SLOT_WORDS) & mask) {
      if (words[at] === hash && this.#isWanted(words[at + 1]! - 1)) return words[at + 1]! - 1
    }
    return -1
  }

  /** Of an id that is not there. */
  add(hash: number, place: number): void {
    const part = this.#partWithRoom(hash)
    put(part.words, hash, place + 1)
    part.count++
  }

  /** The same of the id that is looked for, if it is not there; else false, and nothing happens. */
  addNew(hash: number, place: number): boolean {
    const part = this.#partWithRoom(hash)
    const { words } = part
    const mask = words.length - 1
    let at = homeOf(hash, mask)
    for (; words[at + 1] !== 0; at = (at + SLOT_WORDS) & mask)
      if (words[at] === hash && this.#isWanted(words[at + 1]! - 1)) return false
    words[at] = hash
    words[at + 1] = place + 1
    part.count++
    return true
  }

  #partWithRoom(hash: number): Part {
    const number = hash & (PARTS - 1)
    let part = this.#parts[number]
    if (part === undefined) {
      part = { words: new Uint32Array(FIRST_SLOTS * SLOT_WORDS), count: 0 }
      this.#parts[number] = part
    }
    if ((part.count + 1) * SLOT_WORDS > MOST_FILLED * part.words.length) part.words = this.#grown(part.words)
    return part
  }

  /** A step at a time: one at once would be a stop of all tables together. */
  #grown(words: Uint32Array): Uint32Array {
    const expected = Math.min(this.#expectedSlots * SLOT_WORDS, MAX_GROWTH * words.length)
    const larger = new Uint32Array(Math.max(2 * words.length, expected))
    for (let at = 0; at < words.length; at += SLOT_WORDS)
      if (words[at + 1] !== 0) put(larger, words[at]!, words[at + 1]!)
    return larger
  }

  /** The record at a place that is there has gone elsewhere. */
  move(hash: number, from: number, to: number): void {
    const { words } = this.#parts[hash & (PARTS - 1)]!
    words[slotOf(words, hash, from) + 1] = to + 1
  }

  /** A place that is there. What stands behind it moves up, so that no search ends too early. */
  remove(hash: number, place: number): void {
    const part = this.#parts[hash & (PARTS - 1)]!
    const { words } = part
    const mask = words.length - 1
    let free = slotOf(words, hash, place)
    for (let at = (free + SLOT_WORDS) & mask; words[at + 1] !== 0; at = (at + SLOT_WORDS) & mask) {
      const behindHome = (at - homeOf(words[at]!, mask)) & mask
      if (behindHome < ((at - free) & mask)) continue
      words[free] = words[at]!
      words[free + 1] = words[at + 1]!
      free = at
    }
    words[free] = 0
    words[free + 1] = 0
    part.count--
  }
}

/** The first word of the slot where a hash is looked for first. */
const homeOf = (hash: number, mask: number): number => ((hash >>> PART_BITS) * SLOT_WORDS) & mask

function slotOf(words: Uint32Array, hash: number, place: number): number {
  const mask = words.length - 1
  let at = homeOf(hash, mask)
  while (words[at + 1] !== place + 1) at = (at + SLOT_WORDS) & mask
  return at
}

function put(words: Uint32Array, hash: number, taken: number): void {
  const mask = words.length - 1
  let at = homeOf(hash, mask)
  while (words[at + 1] !== 0) at = (at + SLOT_WORDS) & mask
  words[at] = hash
  words[at + 1] = taken
}

/** Nobody can choose ids beforehand that have the same hash. */
const SEED = Math.floor(Math.random() * 2 ** 32) | 0

/** FNV-1a with another beginning, and its bits mixed at the end. */
export function hashOf(bytes: Uint8Array, from: number, end: number): number {
  let hash = SEED
  for (let at = from; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
