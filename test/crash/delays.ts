/**
 * Random delays in the code under test, as FoundationDB's buggify puts them there: groups are
 * answered late, and so in another order than they were written.
 */
import { Group } from '../../src/log/write/group.ts'
import type { Random } from '../../src/testing/random.ts'
import { turn } from './virtual-time.ts'

const MAX_TURNS = 6
const { resolve } = Group.prototype

/** Answers are late while `work` is under way. One at a time. */
export async function withLateAnswers(random: Random, work: () => Promise<void>): Promise<void> {
  Group.prototype.resolve = function (this: Group): void {
    void late(random.below(MAX_TURNS), () => resolve.call(this))
  }
  try {
    await work()
  } finally {
    Group.prototype.resolve = resolve
  }
}

async function late(turns: number, answer: () => void): Promise<void> {
  for (let count = 0; count < turns; count++) await turn()
  answer()
}
