/**
 * What a disk does to a log: nothing, an operation that fails now and then, no space for a while;
 * or any of it, for as long as it lasts.
 */
import type { Fault, Operation } from '../../src/testing/disk/operations.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import type { Random } from '../../src/testing/random.ts'

export type TroubleKind = 'none' | 'faults' | 'full' | 'lasting'

/** One operation, by its number, and how it fails; `lasts`: and so do all of its kind behind it. */
export interface OneFault {
  readonly at: number
  readonly fault: Fault
  readonly lasts?: boolean
}

/** Every way in which an operation can fail. */
export function faultsOf({ kind }: Operation): Fault[] {
  switch (kind) {
    case 'write':
      return [
        { code: 'EIO' },
        { code: 'EIO', applied: true },
        { code: 'ENOSPC' },
        { code: 'ENOSPC', applied: true },
        { bytes: 600 },
      ]
    case 'sync':
    case 'syncDirectory':
      return [{ code: 'EIO' }, { code: 'EIO', applied: true }]
    case 'create':
    case 'makeDirectory':
    case 'rename':
    case 'link':
    case 'remove':
      return [{ code: 'EIO' }, { code: 'ENOSPC' }, { code: 'EIO', applied: true }]
    case 'open':
      return [{ code: 'EMFILE' }, { code: 'EIO' }]
    case 'read':
      return [{ code: 'EIO' }, { bytes: 100 }]
    case 'unlock':
      return []
    default:
      return [{ code: 'EIO' }]
  }
}

/**
 * What happens less often, and is worse: a write that fails behind its caller's back, a sync that
 * finds the disk full.
 */
export function rareFaultsOf({ kind }: Operation): Fault[] {
  switch (kind) {
    case 'write':
      return [{ writeback: 'EIO' }, { writeback: 'ENOSPC' }]
    case 'sync':
    case 'syncDirectory':
      return [{ code: 'ENOSPC' }]
    default:
      return []
  }
}

export class Trouble {
  readonly #kind: TroubleKind | OneFault
  /** Decides the operation that fails, and how. */
  #next: { after: number; readonly random: Random } | undefined
  #fired = false
  #isHidden = false
  /** Every operation of a kind fails so, until it is over. */
  #lasting: { readonly kind: Operation['kind']; readonly fault: Fault } | undefined
  #isFull = false

  constructor(kind: TroubleKind | OneFault) {
    this.#kind = kind
  }

  /**
   * Whether operations fail: then names whose directory was not synced, though nobody can tell, may
   * come back after a power cut, to no one's harm.
   */
  get hasFaults(): boolean {
    return this.#kind !== 'none' && this.#kind !== 'full'
  }

  /** Whether something may be refused now. */
  get mayFail(): boolean {
    return this.#fired || this.#isFull
  }

  /**
   * Whether a write failed behind its caller's back: a later sync of the same process may be told.
   */
  get isHidden(): boolean {
    return this.#isHidden
  }

  /** Whether all that is refused is refused for want of space. */
  get isFull(): boolean {
    return this.#isFull && !this.#fired
  }

  readonly onOperation = (operation: Operation): Fault | undefined => {
    if (this.#lasting) return this.#lasting.kind === operation.kind ? this.#lasting.fault : undefined
    if (typeof this.#kind === 'object') return this.#once(operation, this.#kind)
    if (this.#next === undefined || this.#next.after-- > 0) return undefined
    const { random } = this.#next
    const faults = [...faultsOf(operation), ...(this.#kind === 'lasting' ? rareFaultsOf(operation) : [])]
    if (faults.length === 0) return undefined
    this.#next = undefined
    return this.#fire(operation, random.pick(faults), this.#kind === 'lasting' && random.chance(0.3))
  }

  #once(operation: Operation, { at, fault, lasts = false }: OneFault): Fault | undefined {
    return operation.number === at ? this.#fire(operation, fault, lasts) : undefined
  }

  #fire({ kind }: Operation, fault: Fault, lasts: boolean): Fault {
    this.#fired = true
    if ('writeback' in fault) this.#isHidden = true
    if (lasts) this.#lasting = { kind, fault }
    return fault
  }

  /** Perhaps something goes wrong from here on, or comes right. */
  draw(random: Random, disk: SimulatedDisk): void {
    const fails = this.#kind === 'faults' || this.#kind === 'lasting'
    if (fails && this.#next === undefined && random.chance(0.3)) {
      this.#next = { after: random.below(random.pick([3, 12, 40])), random }
    }
    if ((this.#kind === 'full' || this.#kind === 'lasting') && random.chance(0.4)) {
      this.#isFull = !this.#isFull
      const free = random.pick([0, 4_096, 20_000, 70_000, 300_000])
      disk.quotaBytes = this.#isFull ? disk.usedBytes + free : Number.POSITIVE_INFINITY
    }
  }

  /** What failed is over and dealt with. */
  calm(): void {
    this.#fired = false
    this.#isHidden = false
    this.#lasting = undefined
  }

  /** There is space again. */
  makeSpace(disk: SimulatedDisk): void {
    this.#isFull = false
    disk.quotaBytes = Number.POSITIVE_INFINITY
  }
}
