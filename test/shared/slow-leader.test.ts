import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flat, kill, openIndex, temporaryDirectory } from '../support/kit.ts'

const CHILD = fileURLToPath(new URL('./slow-leader-child.js', import.meta.url))

test('a member is told which process holds its change up, and gets it done all the same', async (t) => {
  const directory = await temporaryDirectory(t)
  const leader = fork(CHILD, [directory, '2500'])
  t.after(() => kill(leader))
  assert.deepEqual(await once(leader, 'message'), ['leader', undefined])
  const member = await openIndex(t, { directory, index: flat({ dimensions: 2 }), share: true })
  await member.insert('before', [1, 1])
  const warned = once(process, 'warning')
  leader.send('stand still')
  await delay(300)
  const change = member.insert('meanwhile', [1, 2])
  const [warning] = (await warned) as [Error & { readonly code: string }]
  assert.equal(warning.code, 'WALV_LEADER_SLOW')
  assert.ok(warning.message.includes(`Process ${leader.pid} leads`), warning.message)
  // Searches do not wait for it.
  assert.deepEqual(
    (await member.search([1, 1])).map(({ id }) => id),
    ['before'],
  )
  await change
  assert.ok(member.has('meanwhile'))
})
