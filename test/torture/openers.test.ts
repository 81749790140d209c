import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { idsOf, kill, temporaryDirectory } from '../support/kit.ts'
import type { Command, Reply } from './opener.ts'

const OPENER = fileURLToPath(new URL('./opener.js', import.meta.url))
const OPENERS = 5
/** Enough for all of them to hear of it. */
const UNTIL_START_NS = 30_000_000n

async function start(t: TestContext): Promise<ChildProcess> {
  const child = fork(OPENER)
  t.after(() => kill(child))
  await once(child, 'message')
  return child
}

async function ask(child: ChildProcess, command: Command): Promise<Reply> {
  child.send(command)
  const [reply] = await once(child, 'message')
  return reply
}

const openAt = (child: ChildProcess, directory: string, at: bigint): Promise<Reply> =>
  ask(child, { do: 'open', directory, atNs: String(at) })

test('of processes that open one directory at once exactly one gets it, the others are told who has it; when that is killed, exactly one of them does', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  let waiting = await Promise.all(Array.from({ length: OPENERS }, () => start(t)))
  const acknowledged: string[] = []
  while (waiting.length > 0) {
    const at = process.hrtime.bigint() + UNTIL_START_NS
    const replies = await Promise.all(waiting.map((child) => openAt(child, directory, at)))
    const winners = waiting.filter((_, index) => replies[index]!.did === 'opened')
    assert.equal(winners.length, 1, JSON.stringify(replies))
    const [winner] = winners as [ChildProcess]
    waiting = waiting.filter((child) => child !== winner)
    const refusals = replies.filter(isRefusal)
    // Who is refused during the race may read the name of the one that was killed; who asks later
    // does not.
    refusals.push(
      ...(await Promise.all(waiting.map((child) => openAt(child, directory, 0n)))).filter(isRefusal),
    )
    assert.equal(refusals.length, 2 * waiting.length)
    for (const { code } of refusals) assert.equal(code, 'WALV_LOCKED')
    for (const { message } of refusals.slice(waiting.length))
      assert.match(message, new RegExp(`process ${winner.pid} `))
    const id = `by-${winner.pid}`
    assert.deepEqual(await ask(winner, { do: 'append', id }), { did: 'appended' })
    acknowledged.push(id)
    await kill(winner)
    assert.deepEqual(await idsOf(directory), acknowledged)
  }
  assert.equal(acknowledged.length, OPENERS)
})

const isRefusal = (reply: Reply): reply is Extract<Reply, { did: 'refused' }> => reply.did === 'refused'
