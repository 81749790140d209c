/** What a member reads of what others log: that once to apply it, and once to prove it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agree, type Disk, flat, nodeDisk, openIndex, temporaryDirectory } from '../support/kit.ts'

const TEXT = 'x'.repeat(4_000)
const CHANGES = 5_000
const AT_ONCE = 100

/** The real disk, which counts how many bytes of segments were read. */
function countingReads(): { disk: Disk; read: { bytes: number } } {
  const read = { bytes: 0 }
  const open: Disk['open'] = async (path, mode) => {
    const file = await nodeDisk.open(path, mode)
    const plain = file.read.bind(file)
    file.read = async (buffer, position) => {
      const count = await plain(buffer, position)
      if (path.endsWith('.walv')) read.bytes += count
      return count
    }
    return file
  }
  return { disk: { ...nodeDisk, open }, read }
}

test('a member reads each record once to apply it and once to prove it, and not what is made ahead', async (t) => {
  const directory = await temporaryDirectory(t)
  const shared = { directory, share: true, checkpointIntervalEntries: false } as const
  const leader = await openIndex(t, { ...shared, index: flat({ dimensions: 2 }) })
  const { disk, read } = countingReads()
  const member = await openIndex(t, { ...shared, disk, index: flat({ dimensions: 2 }) })
  for (let at = 0; at < CHANGES; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, n) => leader.insert(`id-${at + n}`, [at, n], { text: TEXT })),
    )
  await agree(member, leader)
  const times = read.bytes / (CHANGES * TEXT.length)
  // Once to apply it, and once to prove it; that goes a mebibyte back for each four.
  assert.ok(times < 3.5, `${times.toFixed(1)} times what was logged`)
})
