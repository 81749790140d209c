/**
 * One directory, whose writer is killed again and again: each goes on with what the one before
 * left.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { DurableIndex, flat, type RecoveryPolicy, Wal, type WalRecord } from '../../src/mod.ts'
import { Oracle } from './oracle.ts'
import { DIMENSIONS, type Step, steps } from './stream.ts'
import { Told } from './told.ts'
import type { WorkTask } from './work.ts'

export function openIndex(
  directory: string,
  options: { readOnly?: boolean; recovery?: RecoveryPolicy } = {},
): Promise<DurableIndex> {
  const index = flat({ dimensions: DIMENSIONS, metric: 'l2' })
  return DurableIndex.open({ directory, index, checkpointIntervalEntries: false, ...options })
}

/** Of a log that nobody has open, and that has lost nothing. */
export async function recordsIn(directory: string): Promise<WalRecord[]> {
  const wal = await Wal.open({ directory, readOnly: true })
  nothingLost(wal)
  const records: WalRecord[] = []
  for await (const record of wal.read()) records.push(record)
  return records
}

/** A kill may leave a torn tail and the like, and never the loss of what was acknowledged. */
function nothingLost({ recovery: { damage } }: Wal | DurableIndex): void {
  assert.deepEqual(
    damage.filter(({ acknowledged }) => acknowledged !== false),
    [],
  )
}

export class Life {
  readonly directory: string
  oracle: Oracle = new Oracle()

  constructor(directory: string) {
    this.directory = directory
  }

  /**
   * Checks what a killed process left, without changing it. Returns how many of its steps are
   * there.
   */
  async check({ diet }: WorkTask, told: Told): Promise<number> {
    const { records, fingerprint } = this.oracle
    if (told.opened) {
      const expected = { lastSeq: records.length - 1, fingerprint }
      assert.deepEqual(told.opened, expected, 'the process did not find on opening what was there before')
    }
    if (!existsSync(this.directory)) {
      assert.equal(told.opened, undefined, 'the log was open, and its directory is gone')
      return 0
    }
    return this.#find({ readOnly: true }, steps(diet), told)
  }

  /**
   * Opens for writing, closes, and opens again: everything stays as it is, and the log knows that
   * it was closed.
   */
  async settle(): Promise<void> {
    await this.#find({}, NO_STEPS, new Told())
    await this.#find({ readOnly: true }, NO_STEPS, new Told())
    const { recovery } = await Wal.open({ directory: this.directory, readOnly: true })
    assert.ok(recovery.closedInOrder, 'the log does not know that it was closed')
  }

  async #find(options: { readOnly?: boolean }, stream: Iterator<Step>, told: Told): Promise<number> {
    await using index = await openIndex(this.directory, options)
    nothingLost(index)
    const { firstSeq } = index.stats()
    const found = { firstSeq, records: await recordsIn(this.directory), fingerprint: index.fingerprint() }
    const { oracle, steps } = this.oracle.next(found, stream, told)
    oracle.checkIndex(index)
    this.oracle = oracle
    return steps
  }
}

const NO_STEPS: Iterator<Step> = [].values()
