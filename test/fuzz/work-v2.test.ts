/** What is read of v2 takes work in proportion to its length, whatever it claims: four times as much takes about four times the work. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { segmentName } from '../../src/format/segment.ts'
import { diagnose, Wal } from '../../src/mod.ts'
import { Coverage } from './coverage.ts'
import { forgedSegment } from './forged-frames.ts'
import { MeteredDisk } from './metered-disk.ts'

const DIRECTORY = '/log'

/** A log of about `n` places, by the names of its files. */
type Log = (n: number) => Readonly<Record<string, Buffer>>

const LOGS: readonly (readonly [what: string, n: number, log: Log])[] = [
  ['headers that verify and claim half of the file each', 40, (n) => ({ [segmentName(1)]: forgedSegment(n) })],
]

interface Work {
  readonly steps: number
  readonly bytesRead: number
}

async function workOf(coverage: Coverage, log: Readonly<Record<string, Buffer>>): Promise<Work> {
  const disk = new MeteredDisk(Object.entries(log).map(([name, bytes]) => [join(DIRECTORY, name), bytes]))
  coverage.look(true)
  await diagnose({ directory: DIRECTORY, disk })
  const wal = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  await wal.close()
  return { steps: coverage.look(true).steps, bytesRead: disk.bytesRead }
}

for (const [what, n, log] of LOGS) {
  test(`v2: ${what}`, async (t) => {
    const coverage = new Coverage([new URL('../../src/', import.meta.url).href])
    t.after(() => coverage.close())
    const [few, many] = [await workOf(coverage, log(n)), await workOf(coverage, log(4 * n))]
    // n log n is not much more than 4; n² would be 16.
    for (const unit of ['steps', 'bytesRead'] as const)
      assert.ok(many[unit] < 8 * few[unit], `${unit}: ${few[unit]} for one, ${many[unit]} for four`)
  })
}
