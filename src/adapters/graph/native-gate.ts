/**
 * Keeps a thread from being ended within an engine's native code. What such code then throws cannot
 * be thrown any more, and ends the whole process (`napi_throw`, exit code 134).
 *
 * Both sides write their own word first and read the other's then, so that one of them sees the
 * other (Dekker).
 */
export class NativeGate {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** In the thread: called before native code. Where the gate is shut, it does not return. */
  enter(): void {
    Atomics.store(this.#words, BUSY, 1)
    if (Atomics.load(this.#words, SHUT) === 0) return
    this.leave()
    Atomics.wait(this.#words, SHUT, 1)
  }

  /** In the thread: called after native code. */
  leave(): void {
    Atomics.store(this.#words, BUSY, 0)
    Atomics.notify(this.#words, BUSY)
  }

  /** Lets no native code begin any more; waits, for so long at most, for what has begun. */
  shut(maxWaitMs: number): void {
    Atomics.store(this.#words, SHUT, 1)
    Atomics.wait(this.#words, BUSY, 1, maxWaitMs)
  }
}

const BUSY = 0
const SHUT = 1

/** A graph that is written or loaded may take seconds. */
const MAX_EXIT_WAIT_MS = 10_000

/** Gates of the threads that there are. */
const open = new Set<NativeGate>()

/** The process, or the thread that has them, may end at any time from here on. */
export function guard(gate: NativeGate): void {
  if (open.size === 0) process.on('exit', shutAll)
  open.add(gate)
}

/** Its thread has ended. */
export function unguard(gate: NativeGate): void {
  if (open.delete(gate) && open.size === 0) process.off('exit', shutAll)
}

function shutAll(): void {
  for (const gate of open) gate.shut(MAX_EXIT_WAIT_MS)
}
