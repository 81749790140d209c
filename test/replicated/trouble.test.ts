/** What goes wrong around a replicated log, each told by a code, and what to do about it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, KINDS } from '../../src/replicated/frame.ts'
import { type SimulatedDisk, SimulatedEngine, type Ticket, type WalError } from '../support/kit.ts'
import { openLog, openNode } from './nodes.ts'
import { asVersion } from './versions.ts'

const insert = (id: string) => ({ type: 'insert', id, vector: Float32Array.of(1, 2) }) as const

const ticketOf = (error: unknown): Ticket => (error as { detail: { ticket: Ticket } }).detail.ticket

async function refusal(call: Promise<unknown>): Promise<WalError> {
  return call.then(
    () => assert.fail('it had to be refused'),
    (error: WalError) => error,
  )
}

test('without a quorum a change waits, is refused with a ticket, and searches go on', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine, { timeoutMs: 150 })
  await using other = await openNode(engine)
  await one.index.insert('before', [1, 1])
  engine.hasQuorum = false
  const error = await refusal(one.index.insert('during', [1, 2]))
  assert.equal(error.code, 'WALV_UNAVAILABLE')
  assert.equal(error.fate, 'unknown')
  assert.equal((await one.index.search([1, 1])).length, 1)
  engine.hasQuorum = true
  const settled = await other.index.settle(ticketOf(error))
  assert.ok(settled === 'applied' || settled === 'never', settled)
  for (const { index } of [one, other]) {
    await index.sync()
    assert.equal(index.has('during'), settled === 'applied')
    await index.insert(`after ${index.size}`, [1, 3])
  }
})

test('what was settled as never may be done again: it happens once', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const engine = new SimulatedEngine({ seed, maxLatencyMs: 20 })
    await using one = await openNode(engine, { timeoutMs: 400 })
    await using other = await openNode(engine, { timeoutMs: 5_000 })
    one.connection.cut(true)
    const error = await refusal(one.log.append(insert('x')))
    assert.equal(await other.index.settle(ticketOf(error)), 'never', `seed ${seed}`)
    await other.index.insert('x', [1, 2])
    // What was sent before, and waited on the way, comes only now.
    one.connection.cut(false)
    await one.index.insert('y', [1, 2])
    await other.index.sync()
    const found: string[] = []
    for await (const { entry } of other.log.read()) if ('id' in entry) found.push(entry.id)
    assert.deepEqual(found, ['x', 'y'], `seed ${seed}`)
  }
})

test('a change that was never sent is refused as not logged', async () => {
  const engine = new SimulatedEngine()
  const log = await openLog(engine, { timeoutMs: 100 })
  engine.hasQuorum = false
  const data = new Uint8Array(200_000)
  const calls = Array.from({ length: 60 }, () => refusal(log.append({ type: 'custom', kind: 'k', data })))
  const fates = new Set((await Promise.all(calls)).map(({ code, fate }) => `${code} ${fate}`))
  assert.deepEqual([...fates].toSorted(), ['WALV_UNAVAILABLE not-logged', 'WALV_UNAVAILABLE unknown'])
  await log.close()
})

test('health tells of an engine that does not answer, and of clocks that are apart', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  const levels = async () =>
    Object.fromEntries((await one.index.health()).checks.map(({ name, level }) => [name, level]))
  assert.deepEqual(await levels(), { poison: 'ok', engine: 'ok', clock: 'ok' })
  const header = { kind: KINDS.changes, logId: one.log.position.logId!, isFirst: true, number: 1, next: 1 }
  const ahead = { ...header, writer: 'ab'.repeat(16), time: Date.now() + 60_000, basis: 1_000 }
  engine.appendForeign(encodeFrame(ahead, []))
  await one.index.sync()
  assert.equal((await levels()).clock, 'warn')
})

test('a vector that does not fit has no effect, is counted, and harms nobody', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  const stranger = await openLog(engine)
  await stranger.append({ type: 'insert', id: 'wide', vector: [1, 2, 3] })
  await stranger.append({
    type: 'batch',
    entries: [insert('in'), { type: 'insert', id: 'wide', vector: [1, 2, 3] }],
  })
  await one.index.insert('fits', [1, 2])
  assert.deepEqual([...one.index.ids()], ['fits'])
  assert.equal(one.log.stats().voidChanges, 2)
  await using late = await openNode(engine)
  assert.deepEqual(late.index.position, one.index.position)
  await stranger.close()
})

test('a message of somebody else has no effect, and is counted', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  engine.appendForeign(Buffer.from('hello'))
  await one.index.insert('a', [1, 2])
  assert.equal(one.log.stats().voidMessages.foreign, 1)
  await using late = await openNode(engine)
  assert.deepEqual(late.index.position, one.index.position)
})

test('a message that stays damaged stops who reads it; a checkpoint leads past it', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  await one.index.insert('a', [1, 2])
  engine.spoil(engine.store.range.last, (bytes) => bytes.with(bytes.length - 20, 77))
  const error = await refusal(openNode(engine))
  assert.equal(error.code, 'WALV_DAMAGED')
  assert.match(error.message, /Message \d+ .*checkpoint/)
  await one.index.checkpoint()
  await using late = await openNode(engine)
  assert.deepEqual(late.index.position, one.index.position)
})

test('a frame of a newer walv stops this one', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  await one.index.insert('a', [1, 2])
  const [message] = engine.store.messages(engine.store.range.last, 1)
  engine.appendForeign(asVersion(message!.bytes, 2))
  const error = await refusal(one.index.insert('b', [1, 2]))
  assert.equal(error.code, 'WALV_UNSUPPORTED_VERSION')
  assert.equal((await one.index.health()).level, 'fail')
})

/** A node that has seen a log, and was closed. */
async function closedNode(engine: SimulatedEngine): Promise<SimulatedDisk> {
  await using one = await openNode(engine)
  for (let count = 0; count < 5; count++) await one.index.insert(`${count}`, [count, 1])
  return one.disk
}

test('an engine that has lost its end is refused, with the range that is lost', async () => {
  const engine = new SimulatedEngine()
  const disk = await closedNode(engine)
  const { last } = engine.store.range
  engine.forgetEnd(3)
  const error = await refusal(openNode(engine, { disk }))
  assert.equal(error.code, 'WALV_DAMAGED')
  assert.deepEqual(error.detail, { from: last - 2, through: last })
  assert.match(error.message, new RegExp(`messages ${last - 2} to ${last}`))
})

test('an engine that loses its end under a node that runs stops that node', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  for (let count = 0; count < 5; count++) await one.index.insert(`${count}`, [count, 1])
  engine.forgetEnd(2)
  while (!one.log.stats().poisoned) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await refusal(one.index.insert('x', [1, 1]))).code, 'WALV_DAMAGED')
})

test('a store that was made again is refused, at once and by who comes later', async () => {
  const engine = new SimulatedEngine()
  const disk = await closedNode(engine)
  await using one = await openNode(engine)
  engine.recreate()
  assert.equal((await refusal(openNode(engine, { disk }))).code, 'WALV_FOREIGN_LOG')
  while (!one.log.stats().poisoned) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await refusal(one.index.insert('x', [1, 1]))).code, 'WALV_FOREIGN_LOG')
})

test('of two clusters with one name, the node of the one is refused by the other', async () => {
  const engine = new SimulatedEngine()
  const disk = await closedNode(engine)
  const other = new SimulatedEngine({ seed: 1 })
  assert.equal(other.store.range.incarnation, engine.store.range.incarnation)
  await using one = await openNode(other)
  for (let count = 0; count < 9; count++) await one.index.insert(`${count}`, [count, 1])
  const error = await refusal(openNode(other, { disk }))
  assert.equal(error.code, 'WALV_FOREIGN_LOG')
  assert.match(error.message, /two clusters/)
})

test('a store that is full refuses changes as not logged, and takes them again behind a trim', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  await one.index.insert('a', [1, 1])
  await one.index.checkpoint()
  engine.capacityBytes = 12_000
  let count = 0
  let error: WalError | undefined
  const fill = async (): Promise<void> => {
    error = undefined
    while (error === undefined && count < 1_000)
      await one.index.insert(`${count++}`, [1, 1]).catch((refused: WalError) => {
        error = refused
      })
  }
  await fill()
  assert.equal(error!.code, 'WALV_DISK_FULL')
  assert.equal(error!.fate, 'not-logged')
  assert.ok(!one.index.has(`${count - 1}`))
  await one.index.checkpoint()
  await one.index.insert('again', [1, 1])
  await using late = await openNode(engine)
  assert.deepEqual(late.index.position, one.index.position)
})

test('an engine that refuses the credentials is told at once', async () => {
  const engine = new SimulatedEngine()
  const openEngine = () => Promise.reject(new Error('connection refused'))
  const error = await refusal(openNode(engine, { openEngine }))
  assert.equal(error.code, 'WALV_UNAVAILABLE')
  assert.match(error.message, /simulated/)
})

test('more than a frame holds is refused before it is sent', async () => {
  const engine = new SimulatedEngine({ maxFrameBytes: 64 * 1024 })
  await using one = await openNode(engine)
  const large = { type: 'custom', kind: 'k', data: new Uint8Array(70_000) } as const
  assert.throws(() => void one.log.submit(large), { code: 'WALV_LIMIT', fate: 'not-logged' })
  await one.index.insert('a', [1, 1])
})

test('two that begin a log at once with other dimensions: one of them is refused', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const engine = new SimulatedEngine({ seed, maxLatencyMs: 5 })
    const both = await Promise.allSettled([openNode(engine), openNode(engine, { dimensions: 3 })])
    const [opened] = both.filter((result) => result.status === 'fulfilled')
    const [refused] = both.filter((result) => result.status === 'rejected')
    assert.equal(refused?.reason.code, 'WALV_INDEX_MISMATCH', `seed ${seed}`)
    const { index } = opened!.value
    await index.insert('a', new Array(index.dimensions).fill(1))
    await index.close()
  }
})
