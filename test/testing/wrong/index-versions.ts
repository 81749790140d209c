import { Flat, type WrongIndex } from './flat-index.ts'

/** Takes one vector of each label. */
class SetOnce extends Flat {
  readonly #known = new Set<number>()

  override set(label: number, vector: Float32Array): void {
    if (this.#known.has(label)) throw new Error(`label ${label} is set already`)
    this.#known.add(label)
    super.set(label, vector)
  }
}

/** What is wrong with an index whose `DurableIndex` changes what is as expected. */
export const WRONG_VERSIONS: Record<string, WrongIndex> = {
  'takes one vector of each label': {
    caughtBy: 'a DurableIndex over it makes changes only of what is as expected, and each key once',
    type: SetOnce,
  },
  'takes one vector of each label, and leads': {
    caughtBy: 'the same of one that leads a directory that is shared',
    type: SetOnce,
  },
  'takes one vector of each label, and follows': {
    caughtBy: 'the same of one that hands its changes to another',
    type: SetOnce,
  },
}
