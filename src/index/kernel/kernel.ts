import { KERNEL_BYTES } from './kernel-bytes.ts'

/** What kernel.wat exports. Addresses and lengths are of bytes, counts of numbers or rows. */
export interface Kernel {
  /** Writes the inner product of `query` with each row to `out`, as float32. */
  innerProducts(query: number, rows: number, count: number, dimensions: number, out: number): void
  /** Writes the squared Euclidean distance of each row to `out`, as float32. */
  squaredDistances(query: number, rows: number, count: number, dimensions: number, out: number): void
  /** 1 if all numbers are finite, 0 if not. */
  allFinite(at: number, count: number): number
  /** Writes XXH3_128bits of at least 241 bytes to the 16 bytes at `out`. */
  hash128(at: number, length: number, out: number): void
}

/** As much of it as is used: the types of the language do not have it, those of browsers do. */
export interface Memory {
  readonly buffer: SharedArrayBuffer
  grow(pages: number): number
}
interface Assembly {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => Memory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: { readonly walv: { readonly memory: Memory } },
  ) => { readonly exports: unknown }
}

export const PAGE_BYTES: number = 64 * 1024
/** Room for the longest query, just under 256 KiB, and for a sum of each row of a chunk, 16 KiB. */
const SCRATCH_PAGES = 5
/** The main thread's is the first. */
export const MAX_THREADS = 9
/** Of each memory, for the kernel's constants and every thread's scratch. */
export const FIRST_PAGES: number = 1 + MAX_THREADS * SCRATCH_PAGES

/** Where a thread has its scratch in each memory. */
export const scratchAddress = (thread: number): number => (1 + thread * SCRATCH_PAGES) * PAGE_BYTES

let compiled: object | undefined

/** A memory that threads share. @throws where it is not to be had */
export function makeMemory(maxPages: number): Memory {
  return new (assembly().Memory)({ initial: FIRST_PAGES, maximum: maxPages, shared: true })
}

/** The kernel, working in a memory. @throws where WebAssembly or its SIMD is not there */
export function kernelIn(memory: Memory): Kernel {
  const { Module, Instance } = assembly()
  compiled ??= new Module(Buffer.from(KERNEL_BYTES, 'base64'))
  return new Instance(compiled, { walv: { memory } }).exports as Kernel
}

const assembly = (): Assembly => (globalThis as unknown as { readonly WebAssembly: Assembly }).WebAssembly
