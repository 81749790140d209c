import { endianness } from 'node:os'
import {
  FIRST_PAGES,
  type Kernel,
  kernelIn,
  type Memory,
  makeMemory,
  PAGE_BYTES,
  scratchAddress,
} from './kernel.ts'

/**
 * Memory that WebAssembly computes in and that threads share. A memory reserves gigabytes of
 * addresses however little is in it, and systems give only some hundred of them, so that all
 * indexes of a process share a few. One never shrinks: what is given back is given to others. Where
 * there are several, one of which all is given back is dropped.
 */

/** A memory, and the kernel in it. */
export interface Region {
  /** Threads know it by this number. */
  readonly number: number
  readonly memory: Memory
  readonly kernel: Kernel
  /** Where the main thread's kernel writes one sum. */
  readonly sum: Float32Array
}

/** A piece of memory that belongs to whoever asked for it. Its content is whatever was there. */
export interface Block {
  /** Undefined where WebAssembly is not to be had: the block is memory of its own then. */
  readonly region: Region | undefined
  /** Where it begins in its region, or in its buffer: a multiple of 64 KiB. */
  readonly address: number
  /** A multiple of 64 KiB. */
  readonly bytes: number
  readonly buffer: ArrayBufferLike
}

/** 2 GiB, so that every address is a positive number of 32 bits. */
const MAX_PAGES = 32_768
/** Growing is a call of the system, so it is done for several blocks at once. */
const GROWTH_PAGES = 256

interface OpenRegion extends Region {
  /** Pages from here on were never given out. */
  next: number
  given: number
  /** First pages of blocks that were given back, by the number of their pages. */
  readonly free: Map<number, number[]>
}

interface Place {
  readonly region: OpenRegion
  readonly page: number
  readonly pages: number
}

let regions: OpenRegion[] = []
let dropped = (): void => {}
let nextNumber = 0
/** In WebAssembly numbers are little-endian, whatever the machine. */
let isUnavailable = endianness() !== 'LE'

/** An index is simply forgotten, and its blocks with it. */
const forgotten = new FinalizationRegistry<Place>(takeBack)

/** A block of at least so many bytes. */
export function allocate(bytes: number): Block {
  const pages = Math.max(1, Math.ceil(bytes / PAGE_BYTES))
  const place = placeFor(pages)
  if (place === undefined)
    return {
      region: undefined,
      address: 0,
      bytes: pages * PAGE_BYTES,
      buffer: new ArrayBuffer(pages * PAGE_BYTES),
    }
  const { region, page } = place
  const block: Block = {
    region,
    address: page * PAGE_BYTES,
    bytes: pages * PAGE_BYTES,
    // A memory that grows has another buffer, and the memory behind this one stays what it is.
    buffer: region.memory.buffer,
  }
  forgotten.register(block, place, block)
  return block
}

/** Gives a block back at once. It must not be used any more. */
export function release(block: Block): void {
  if (block.region === undefined) return
  forgotten.unregister(block)
  takeBack({
    region: block.region as OpenRegion,
    page: block.address / PAGE_BYTES,
    pages: block.bytes / PAGE_BYTES,
  })
}

function takeBack({ region, page, pages }: Place): void {
  const free = region.free.get(pages)
  if (free) free.push(page)
  else region.free.set(pages, [page])
  region.given--
  // The last one is kept: the garbage collector does not feel what is in a memory, and would leave
  // it behind for each index that is opened and closed again.
  if (region.given > 0 || regions.length === 1) return
  regions = regions.filter((other) => other !== region)
  dropped()
}

/** Has this called when a memory is dropped: a thread that still knows it would keep it. */
export function onDropped(call: () => void): void {
  dropped = call
}

/** Memory of a region that was never given out. */
export interface Stretch {
  readonly memory: Memory
  readonly from: number
  readonly to: number
}

/**
 * Makes a region grow by what blocks of so many bytes take, if it does not have it, and answers
 * what it has grown by; undefined where that is nothing.
 */
export function reserve(bytes: number): Stretch | undefined {
  if (isUnavailable) return undefined
  try {
    const { memory, next } = regionWithRoom(1)
    const present = memory.buffer.byteLength / PAGE_BYTES
    const end = Math.min(next + Math.ceil(bytes / PAGE_BYTES), MAX_PAGES)
    if (end <= present) return undefined
    memory.grow(end - present)
    return { memory, from: present * PAGE_BYTES, to: end * PAGE_BYTES }
  } catch {
    // Whoever asks for a block finds out.
    return undefined
  }
}

function placeFor(pages: number): Place | undefined {
  if (isUnavailable || pages > MAX_PAGES - FIRST_PAGES) return undefined
  try {
    const region = regions.find((other) => other.free.get(pages)?.length) ?? regionWithRoom(pages)
    const page = region.free.get(pages)?.pop() ?? grown(region, pages)
    region.given++
    return { region, page, pages }
  } catch {
    // No WebAssembly, no SIMD, or no addresses left: all works without, and is slower. It is tried
    // again only where it has worked before.
    isUnavailable = regions.length === 0
    return undefined
  }
}

function regionWithRoom(pages: number): OpenRegion {
  const found = regions.find(({ next }) => next + pages <= MAX_PAGES)
  if (found) return found
  const memory = makeMemory(MAX_PAGES)
  const made = {
    number: nextNumber++,
    memory,
    kernel: kernelIn(memory),
    sum: new Float32Array(memory.buffer, scratchAddress(0), 1),
    next: FIRST_PAGES,
    given: 0,
    free: new Map(),
  }
  regions.push(made)
  return made
}

function grown(region: OpenRegion, pages: number): number {
  const page = region.next
  const end = page + pages
  const present = region.memory.buffer.byteLength / PAGE_BYTES
  if (end > present) region.memory.grow(Math.min(Math.max(end - present, GROWTH_PAGES), MAX_PAGES - present))
  region.next = end
  return page
}
