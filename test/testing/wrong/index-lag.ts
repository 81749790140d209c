import { type FrozenIndex, flat, type Neighbour, WalError } from '../../../src/mod.ts'
import { type Accept, DIMENSIONS, Flat, type WrongIndex } from './flat-index.ts'

/** An index that knows what it was given since it last caught up. */
class Lagging extends Flat {
  readonly late = new Set<number>()

  get lag(): number {
    return this.late.size
  }
  override set(label: number, vector: Float32Array): void {
    super.set(label, vector)
    this.late.add(label)
  }
  override remove(label: number): void {
    super.remove(label)
    this.late.delete(label)
  }
  async caughtUp(): Promise<void> {
    this.late.clear()
  }
}

/** What is wrong with what an index does in the background. */
export const WRONG_LAG: Record<string, WrongIndex> = {
  'does not find what lags': {
    caughtBy: 'what is set is found at once, and no less when the index has caught up',
    type: class extends Lagging {
      override search(query: Float32Array, k: number, accept: Accept = () => true): Neighbour[] {
        return this.found(query, k, (label) => !this.late.has(label) && accept(label))
      }
    },
  },
  'lags when it says that it does not': {
    caughtBy: 'what is set is found at once, and no less when the index has caught up',
    type: class extends Lagging {
      override async caughtUp(): Promise<void> {}
    },
  },
  'does not save what lags': {
    caughtBy: 'a snapshot has everything, whether the index lags or has caught up',
    type: class extends Lagging {
      override freeze(): FrozenIndex {
        const copy = flat({ dimensions: DIMENSIONS, metric: 'l2' })
        for (const { label } of this.found(new Float32Array(DIMENSIONS), this.size))
          if (!this.late.has(label)) copy.set(label, this.get(label))
        return copy.freeze()
      }
    },
  },
  'tells those who wait something else when it is closed': {
    caughtBy: 'closing ends what goes on, and tells those who wait for it',
    type: class extends Lagging {
      override async caughtUp(): Promise<void> {
        throw new WalError('WALV_ENGINE', 'It has failed.')
      }
    },
  },
}
