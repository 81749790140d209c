import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { flat, holding, openIndex, temporaryDirectory } from '../support/kit.ts'

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
