/** A directory that several have open with `share`, each with an index of its own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  agree,
  DurableIndex,
  type DurableIndexOptions,
  flat,
  openIndex,
  type RoleMessage,
  refusal,
  temporaryDirectory,
  until,
  Wal,
} from '../support/kit.ts'
import { heard } from '../telemetry/heard.ts'

type Options = Partial<DurableIndexOptions>

async function shared(t: TestContext, directory: string, options: Options = {}): Promise<DurableIndex> {
  return openIndex(t, { directory, index: flat({ dimensions: 2 }), share: true, ...options })
}

test('all read and write, and each sees its own changes at once', async (t) => {
  const directory = await temporaryDirectory(t)
  const [one, two, three] = [
    await shared(t, directory),
    await shared(t, directory),
    await shared(t, directory),
  ]
  assert.deepEqual(
    [one, two, three].map(({ role }) => role),
    ['leader', 'member', 'member'],
  )
  await Promise.all(
    [one, two, three].map(async (index, number) => {
      for (let at = 0; at < 20; at++) {
        await index.insert(`${number}-${at}`, [number, at], { at })
        assert.ok(index.has(`${number}-${at}`))
      }
    }),
  )
  await until(() => [one, two, three].every(({ size }) => size === 60))
  assert.equal(one.fingerprint(), two.fingerprint())
  assert.equal(one.fingerprint(), three.fingerprint())
  assert.deepEqual(
    (await three.search([0, 7], { k: 1 })).map(({ id }) => id),
    (await one.search([0, 7], { k: 1 })).map(({ id }) => id),
  )
})

test('what is possible is decided at its place, whoever asks', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  await leader.insert('a', [1, 1])
  await assert.rejects(member.insert('a', [2, 2]), refusal('WALV_DUPLICATE_ID', 'not-logged'))
  await assert.rejects(member.update('b', { vector: [1, 2] }), refusal('WALV_NOT_FOUND'))
  assert.equal(await member.delete('a'), true)
  assert.equal(await leader.delete('a'), false)
  const refused = member.transaction(async (transaction) => {
    await transaction.insert('c', [1, 1])
    await transaction.update('b', { metadata: 1 })
  })
  await assert.rejects(refused, refusal('WALV_NOT_FOUND'))
  assert.deepEqual([member.size, member.has('c')], [0, false])
  await assert.rejects(member.insert('x', [1]), refusal('WALV_INVALID_VECTOR'))
  await assert.rejects(member.insert('', [1, 2]), refusal('WALV_INVALID_ID'))
})

test('when the leader closes, another goes on, and what was asked for meanwhile is done', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  const calls = Array.from({ length: 500 }, (_, at) => member.insert(`m-${at}`, [at, 1]))
  await leader.close()
  await Promise.all(calls)
  await member.insert('behind', [1, 1])
  assert.deepEqual([member.role, member.size], ['leader', 501])
  const third = await shared(t, directory)
  assert.equal(third.fingerprint(), member.fingerprint())
  const log = await Wal.open({ directory, readOnly: true })
  const numbers: number[] = []
  for await (const { origin } of log.replay()) if (origin) numbers.push(origin.number)
  assert.deepEqual(
    numbers.filter((number, at) => numbers.indexOf(number) === at).length,
    new Set(numbers).size,
  )
  assert.equal(numbers.length, 502, 'each change stands in the log once')
  await log.close()
})

test('each process is told who leads, whenever that changes', async (t) => {
  const directory = await temporaryDirectory(t)
  const told = heard<RoleMessage>(t, 'walv:role', directory)
  const leader = await shared(t, directory)
  const member = await shared(t, directory)
  const { pid } = process
  assert.deepEqual(
    told.map(({ role, leaderPid }) => [role, leaderPid]),
    [
      ['leader', pid],
      ['member', pid],
    ],
  )
  await leader.close()
  await until(() => told.length === 3)
  assert.deepEqual([told[2]!.role, member.role], ['leader', 'leader'])
})

test('a member closes while its changes are on their way', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  const calls = Array.from({ length: 300 }, (_, at) => member.insert(`m-${at}`, [at, 1]))
  await member.close()
  await Promise.all(calls)
  await until(() => leader.size === 300)
  await assert.rejects(member.insert('late', [1, 1]), refusal('WALV_CLOSED'))
})

test('one that only follows never leads, and its changes wait for a leader', async (t) => {
  const directory = await temporaryDirectory(t)
  const leader = await shared(t, directory)
  const follower = await shared(t, directory, { role: 'follow' })
  await leader.close()
  let isDone = false
  const waiting = follower.insert('a', [1, 1]).then(() => {
    isDone = true
  })
  await delay(100)
  assert.deepEqual([isDone, follower.role], [false, 'member'])
  const next = await shared(t, directory)
  await waiting
  assert.ok(next.has('a'))
})

test('one that prefers to lead does so as soon as it is there', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await shared(t, directory)
  const other = await shared(t, directory)
  const calls = Array.from({ length: 200 }, (_, at) => first.insert(`f-${at}`, [at, 1]))
  const preferred = await shared(t, directory, { role: 'prefer' })
  await Promise.all(calls)
  await until(() => preferred.role === 'leader')
  await Promise.all([first.insert('x', [1, 1]), other.insert('y', [1, 2]), preferred.insert('z', [1, 3])])
  assert.deepEqual([first.role, other.role], ['member', 'member'])
  await agree(first, preferred)
  await agree(other, preferred)
  assert.equal(preferred.size, 203)
})

test('a checkpoint that a member asks for is taken by the leader', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  await member.insert('a', [1, 1])
  const checkpoint = await member.checkpoint()
  assert.deepEqual(leader.stats().checkpoints, 1)
  assert.ok(checkpoint!.sequenceNumber >= 1)
  const third = await shared(t, directory)
  assert.equal(third.recovery.fromSnapshot, 1)
})

test('checkpoints come by themselves where only members write', async (t) => {
  const directory = await temporaryDirectory(t)
  const leader = await shared(t, directory, { checkpointIntervalEntries: 50 })
  const member = await shared(t, directory, { checkpointIntervalEntries: 50 })
  for (let at = 0; at < 60; at++) await member.insert(`${at}`, [at, 1])
  await until(() => leader.stats().checkpoints > 0)
})

test('a process that does not share is refused beside those that do, and the other way round', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = (): ReturnType<typeof flat> => flat({ dimensions: 2 })
  const leader = await shared(t, directory)
  await assert.rejects(DurableIndex.open({ directory, index: index() }), {
    code: 'WALV_LOCKED',
    message: /share/,
  })
  await leader.close()
  await openIndex(t, { directory, index: index() })
  await assert.rejects(shared(t, directory), refusal('WALV_LOCKED'))
})

test('one that would wait for a lock does not wait for those that share it, but becomes a member', async (t) => {
  const directory = await temporaryDirectory(t)
  const leader = await shared(t, directory)
  const member = await shared(t, directory, { lockWaitMs: 3_600_000 })
  assert.equal(member.role, 'member')
  await leader.close()
  await member.insert('a', [1, 1])
  assert.equal(member.role, 'leader')
})

test('options that have to be the same are', async (t) => {
  const directory = await temporaryDirectory(t)
  const leader = await shared(t, directory)
  await leader.insert('a', [1, 1])
  await assert.rejects(shared(t, directory, { durability: 'os' }), {
    code: 'WALV_INVALID_OPTION',
    message: /durability "commit", and this one with "os"/,
  })
  await assert.rejects(
    shared(t, directory, { index: flat({ dimensions: 3 }) }),
    refusal('WALV_INDEX_MISMATCH'),
  )
  await assert.rejects(shared(t, directory, { role: 'king' as never }), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(shared(t, directory, { readOnly: true }), {
    code: 'WALV_INVALID_OPTION',
    message: /readOnly/,
  })
  await leader.insert('b', [1, 1])
})

test('the socket is open to its owner alone, and goes with the last process', async (t) => {
  const directory = await temporaryDirectory(t)
  const leader = await shared(t, directory)
  const { mode } = statSync(join(directory, 'leader.sock'))
  assert.equal(mode & 0o777, 0o600)
  await leader.close()
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('sock')),
    [],
  )
})

test('a directory with a long path is shared, too', async (t) => {
  const directory = join(await temporaryDirectory(t), 'a'.repeat(120), 'b'.repeat(120))
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  await member.insert('a', [1, 1])
  await until(() => leader.has('a'))
})

test('changes go on being told when the lead changes, and the past says who made them', async (t) => {
  const directory = await temporaryDirectory(t)
  const [leader, member] = [await shared(t, directory), await shared(t, directory)]
  const told: string[] = []
  const ended = new AbortController()
  const telling = (async () => {
    for await (const { id } of member.changes({ from: 0, signal: ended.signal })) told.push(id)
  })()
  await leader.insert('a', [1, 1])
  await member.insert('b', [1, 2])
  await leader.close()
  await member.upsert('a', [2, 1])
  await until(() => told.length === 3)
  ended.abort()
  await telling
  assert.deepEqual(told, ['a', 'b', 'a'])
  const makers: (string | undefined)[] = []
  for await (const { type, origin } of member.history('a')) {
    assert.match(origin!.process, /^[0-9a-f]{32}$/)
    makers.push(`${type} ${origin!.process}`)
  }
  assert.equal(new Set(makers).size, 2)
})

test('a process ends as soon as it has closed what it shared, whatever its role', async (t) => {
  const directory = await temporaryDirectory(t)
  const program = `
    import { DurableIndex, flat } from ${JSON.stringify(new URL('../../src/mod.js', import.meta.url).href)}
    const open = () => DurableIndex.open({ directory: ${JSON.stringify(directory)}, index: flat({ dimensions: 2 }), share: true })
    const [leader, member] = [await open(), await open()]
    await member.insert('a', [1, 1])
    await member.close()
    await leader.close()
  `
  const startedAt = performance.now()
  execFileSync(process.execPath, ['--input-type=module', '--eval', program])
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs < 8_000, `it took ${tookMs} ms, and closing waits for 10 s at most`)
})
