import type { Origin } from '../entry.ts'
import type { VoidReason } from './writers.ts'

/** Why a message had no effect here, or a change. */
export type VoidKind = VoidReason | 'other-log' | 'foreign'

const MAX_REMEMBERED = 10_000

/** Messages and changes that had no effect, counted; and which changes those were. */
export class VoidCounts {
  readonly messages: Record<VoidKind, number> = {
    double: 0,
    gap: 0,
    retired: 0,
    'other-log': 0,
    foreign: 0,
  }
  changes = 0
  /** In the order in which they came. */
  readonly #remembered = new Set<string>()

  addChange({ process, number }: Origin): void {
    this.changes++
    this.#remembered.add(`${process} ${number}`)
    if (this.#remembered.size <= MAX_REMEMBERED) return
    const [oldest] = this.#remembered
    this.#remembered.delete(oldest!)
  }

  hasChange({ process, number }: Origin): boolean {
    return this.#remembered.has(`${process} ${number}`)
  }
}
