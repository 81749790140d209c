/**
 * How a simulated disk is asked: every operation is numbered, written down and offered to a hook
 * that may make it fail.
 */
import { nextTurn } from '../../clock.ts'
import type { Random } from '../random.ts'

/** What was asked of the disk. */
export interface Operation {
  /** Counts the operations of this disk from 0, in the order in which they take effect. */
  readonly number: number
  readonly kind:
    | 'open'
    | 'create'
    | 'list'
    | 'makeDirectory'
    | 'rename'
    | 'link'
    | 'remove'
    | 'syncDirectory'
    | 'lock'
    | 'unlock'
    | 'lockCheck'
    | 'freeBytes'
    | 'read'
    | 'write'
    | 'sync'
    | 'size'
    | 'truncate'
    | 'close'
  /** The path as it was given; of a file, the one it was opened by. */
  readonly path: string
  /** The new path of a rename or a link. */
  readonly to?: string
  /** Of a read or a write. */
  readonly position?: number
  /** Asked for, of a read, a write or a truncate. */
  readonly bytes?: number
}

/**
 * How an operation goes wrong. `code`: it rejects with that code and does nothing, but for a sync,
 * which loses what it should have written; with `applied` it does its work and rejects
 * nevertheless. `bytes`: a read or write moves at most that many, and at least 1. `writeback`: a
 * write works, but the system then fails to put what it wrote on the disk, and drops it: the next
 * sync of each descriptor that is open rejects with that code, once. `crash`: it works, and the
 * machine stops behind it.
 */
export type Fault =
  | { readonly code: string; readonly applied?: boolean }
  | { readonly writeback: string }
  | { readonly bytes: number }
  | { readonly crash: true }

/**
 * What an operation does. `maxBytes`: it moves no more. `writeback`: what it writes is dropped
 * later, with that code.
 */
export type Effect<T> = (operation: Operation, maxBytes: number, writeback: string | undefined) => T

/** Decides what befalls an operation; `undefined`: nothing. */
export type OperationHook = (operation: Operation) => Fault | undefined

export class Operations {
  readonly trace: Operation[] = []
  hook: OperationHook | undefined
  stopped = false
  /** Number of the last operation that has taken effect, or would have; −1 before the first. */
  effective = -1
  readonly #maxLatencyTurns: number
  readonly #random: Random

  constructor(maxLatencyTurns: number, random: Random) {
    this.#maxLatencyTurns = maxLatencyTurns
    this.#random = random
  }

  /**
   * Takes effect one turn of the microtask queue after the call, so that operations called at one
   * time are under way together. With latency: some turns of the event loop after the call, and is
   * answered some more after that.
   */
  async run<T>(asked: Omit<Operation, 'number'>, effect: Effect<T>, lose?: () => void): Promise<T> {
    this.#refuseIfStopped()
    await (this.#maxLatencyTurns > 0 ? this.#latency() : undefined)
    this.#refuseIfStopped()
    try {
      return this.#perform(asked, effect, lose)
    } finally {
      if (this.#maxLatencyTurns > 0) {
        await this.#latency()
        this.#refuseIfStopped()
      }
    }
  }

  #perform<T>(asked: Omit<Operation, 'number'>, effect: Effect<T>, lose: (() => void) | undefined): T {
    const operation: Operation = { number: this.trace.length, ...asked }
    this.trace.push(operation)
    const fault = this.hook?.(operation)
    this.#refuseIfStopped()
    this.effective = operation.number
    if (fault && 'code' in fault) {
      if (fault.applied) effect(operation, Number.POSITIVE_INFINITY, undefined)
      else lose?.()
      throw systemError(fault.code, `${operation.kind} ${operation.path} (simulated)`)
    }
    try {
      const maxBytes = fault && 'bytes' in fault ? Math.max(1, fault.bytes) : Number.POSITIVE_INFINITY
      return effect(operation, maxBytes, fault && 'writeback' in fault ? fault.writeback : undefined)
    } finally {
      if (fault && 'crash' in fault) this.stopped = true
    }
  }

  async #latency(): Promise<void> {
    for (let turns = this.#random.below(this.#maxLatencyTurns + 1); turns > 0; turns--) await nextTurn()
  }

  #refuseIfStopped(): void {
    if (this.stopped) throw systemError('EIO', 'the simulated machine has stopped')
  }
}

/** An error as the operating system would report it. */
export function systemError(code: string, what = 'simulated'): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
