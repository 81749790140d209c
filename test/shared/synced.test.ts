import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Disk, flat, nodeDisk, openIndex, temporaryDirectory } from '../support/kit.ts'

/** A disk on which nothing is synced while it is held. */
function holding(): { disk: Disk; hold(): () => void } {
  let held: Promise<void> | undefined
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      const file = await nodeDisk.open(path, mode)
      const sync = file.sync.bind(file)
      const writeSynced = file.writeSynced?.bind(file)
      file.sync = async () => {
        await held
        await sync()
      }
      if (writeSynced)
        file.writeSynced = async (buffer, position) => {
          const written = await file.write(buffer, position)
          await held
          await sync()
          return written
        }
      return file
    },
  }
  const hold = (): (() => void) => {
    let resume = (): void => {}
    held = new Promise((resolve) => {
      resume = resolve
    })
    return resume
  }
  return { disk, hold }
}

test('no process shows or acknowledges a change of a member before the leader has synced it', async (t) => {
  const directory = await temporaryDirectory(t)
  const { disk, hold } = holding()
  const shared = { directory, share: true }
  const leader = await openIndex(t, { ...shared, disk, index: flat({ dimensions: 2 }) })
  const member = await openIndex(t, { ...shared, index: flat({ dimensions: 2 }) })
  await member.insert('before', [1, 1])
  const resume = hold()
  let isAcknowledged = false
  const change = member.insert('held', [1, 2]).then(() => {
    isAcknowledged = true
  })
  await delay(300)
  assert.deepEqual([isAcknowledged, leader.has('held'), member.has('held')], [false, false, false])
  resume()
  await change
  assert.deepEqual([leader.has('held'), member.has('held')], [true, true])
})
