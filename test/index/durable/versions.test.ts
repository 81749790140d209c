/** Numbers of entries, conditional changes and idempotency keys, where one process writes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  type DurableIndexOptions,
  flat,
  IDEMPOTENCY_WINDOW_MS,
  openIndex,
  refusal,
  SimulatedDisk,
  type WalError,
} from '../../support/kit.ts'

const DIRECTORY = '/log'

type Options = Partial<DurableIndexOptions>

const open = (t: TestContext, disk: SimulatedDisk, options: Options = {}): Promise<DurableIndex> =>
  openIndex(t, { directory: DIRECTORY, index: flat({ dimensions: 2 }), disk, ...options })

const seqOf = (index: DurableIndex, id: string): number | undefined => index.get(id)?.seq

const conflict =
  (id: string, ifSeq: number | null, seq: number | null) =>
  (error: WalError): boolean => {
    assert.deepEqual(error.detail, { id, ifSeq, seq })
    for (const number of [ifSeq, seq]) if (number !== null) assert.match(error.message, RegExp(`${number}`))
    return refusal('WALV_CONFLICT', 'not-logged')(error)
  }

test('get tells the number of the last change, also after a checkpoint and a restart', async (t) => {
  const disk = new SimulatedDisk()
  const index = await open(t, disk)
  await index.insert('a', [1, 0])
  await index.insert('b', [2, 0])
  await index.update('a', { metadata: 1 })
  await index.batch([
    { type: 'upsert', id: 'c', vector: [3, 0] },
    { type: 'upsert', id: 'd', vector: [4, 0] },
  ])
  await index.transaction(async (transaction) => {
    await transaction.insert('e', [5, 0])
    await transaction.update('b', { metadata: 2 })
  })
  const numbers = { a: 3, b: 8, c: 4, d: 4, e: 8 }
  const found = (of: DurableIndex): unknown =>
    Object.fromEntries([...of.entries()].map(([id, { seq }]) => [id, seq]))
  assert.deepEqual(found(index), numbers)
  await index.checkpoint()
  await index.update('d', { metadata: 4 })
  const { lastSeq } = index.stats()
  await index.close()
  const again = await open(t, disk)
  assert.deepEqual(found(again), { ...numbers, d: lastSeq })
  assert.equal(again.recovery.fromSnapshot, 5)
})

test('a change whose id is not as expected is refused with both numbers, and nothing is logged', async (t) => {
  const index = await open(t, new SimulatedDisk())
  await index.insert('a', [1, 0], { n: 0 })
  const { lastSeq } = index.stats()
  const refused: [Promise<unknown>, string, number | null, number | null][] = [
    [index.update('a', { metadata: 1 }, { ifSeq: 7 }), 'a', 7, 1],
    [index.upsert('a', [2, 0], null, { ifSeq: 0 }), 'a', 0, 1],
    [index.upsert('a', [2, 0], null, { ifAbsent: true }), 'a', null, 1],
    [index.delete('a', { ifSeq: 2 }), 'a', 2, 1],
    [index.update('b', { metadata: 1 }, { ifSeq: 1 }), 'b', 1, null],
    [index.upsert('b', [1, 0], null, { ifSeq: 1 }), 'b', 1, null],
    [index.delete('b', { ifSeq: 3 }), 'b', 3, null],
    [
      index.batch([
        { type: 'upsert', id: 'x', vector: [1, 1] },
        { type: 'delete', id: 'a', ifSeq: 5 },
      ]),
      'a',
      5,
      1,
    ],
  ]
  for (const [call, ...numbers] of refused) await assert.rejects(call, conflict(...numbers))
  assert.deepEqual([index.stats().lastSeq, index.size], [lastSeq, 1])
  await index.update('a', { metadata: 1 }, { ifSeq: 1 })
  await index.upsert('a', [2, 0], null, { ifSeq: 2 })
  await index.upsert('b', [2, 0], null, { ifAbsent: true })
  assert.equal(await index.delete('a', { ifSeq: 3 }), true)
  assert.deepEqual([...index.ids()], ['b'])
})

test('conditions of a batch are about what is there before it', async (t) => {
  const index = await open(t, new SimulatedDisk())
  await index.insert('a', [1, 0])
  await index.batch([
    { type: 'update', id: 'a', metadata: 1, ifSeq: 1 },
    { type: 'batch', entries: [{ type: 'update', id: 'a', metadata: 2, ifSeq: 1 }] },
    { type: 'delete', id: 'a', ifSeq: 1 },
    { type: 'upsert', id: 'a', vector: [1, 1] },
    { type: 'upsert', id: 'b', vector: [1, 1], ifAbsent: true },
  ])
  assert.deepEqual([seqOf(index, 'a'), seqOf(index, 'b')], [2, 2])
})

test('options that there are not, and such as contradict each other, are refused before anything is logged', async (t) => {
  const index = await open(t, new SimulatedDisk())
  await index.insert('a', [1, 0])
  const { lastSeq } = index.stats()
  const any = (value: unknown): never => value as never
  const option = refusal('WALV_INVALID_OPTION')
  const calls: [() => Promise<unknown>, (error: unknown) => boolean][] = [
    [() => index.upsert('a', [1, 1], null, { ifSeq: 1, ifAbsent: true }), option],
    [() => index.upsert('a', [1, 1], null, { ifSeq: -1 }), option],
    [() => index.upsert('a', [1, 1], null, { ifSeq: any('1') }), option],
    [() => index.upsert('a', [1, 1], null, { ifAbsent: any(1) }), option],
    [() => index.insert('b', [1, 1], null, any({ ifSeq: 1 })), option],
    [() => index.update('a', { metadata: 1 }, any({ ifAbsent: true })), option],
    [() => index.delete('a', any({ ifAbsent: true })), option],
    [() => index.delete('a', any(1)), option],
    [() => index.batch([], any({ ifSeq: 1 })), option],
    [() => index.insert('b', [1, 1], null, { idempotencyKey: '' }), option],
    [() => index.insert('b', [1, 1], null, { idempotencyKey: '\ud800' }), option],
    [() => index.insert('b', [1, 1], null, { idempotencyKey: any(7) }), option],
    [() => index.insert('b', [1, 1], null, { idempotencyKey: 'é'.repeat(128) }), refusal('WALV_LIMIT')],
    [
      () =>
        index.batch([
          { type: 'update', id: 'a', metadata: 1, ifSeq: 1 },
          { type: 'update', id: 'a', metadata: 1, ifSeq: 2 },
        ]),
      option,
    ],
    [
      () => index.batch([any({ type: 'insert', id: 'b', vector: [1, 1], ifSeq: 1 })]),
      refusal('WALV_INVALID_ENTRY'),
    ],
    [
      () => index.batch([{ type: 'custom', kind: 'walv.condition', data: new Uint8Array(3) }]),
      refusal('WALV_INVALID_ENTRY'),
    ],
  ]
  for (const [call, expected] of calls) await assert.rejects(call, expected, String(call))
  assert.equal(index.stats().lastSeq, lastSeq)
  await index.insert('b', [1, 1], null, { idempotencyKey: 'é'.repeat(127) })
})

test('a conditional change waits for what is on its way of its id, and for nothing else', async (t) => {
  const index = await open(t, new SimulatedDisk())
  await Promise.all(Array.from({ length: 50 }, (_, at) => index.insert(`id-${at}`, [at, 0], 0)))
  const seqs = Array.from({ length: 50 }, (_, at) => seqOf(index, `id-${at}`)!)
  const before = index.stats().groups
  await Promise.all(seqs.map((ifSeq, at) => index.update(`id-${at}`, { metadata: 1 }, { ifSeq })))
  assert.ok(index.stats().groups - before <= 3, 'those of different ids do not wait for each other')
  const own = seqOf(index, 'id-0')!
  const outcomes = await Promise.allSettled([
    index.update('id-0', { metadata: 2 }, { ifSeq: own }),
    index.update('id-0', { metadata: 3 }, { ifSeq: own }),
    index.update('id-0', { metadata: 4 }),
    index.update('id-0', { metadata: 5 }, { ifSeq: own }),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
  assert.equal(index.get('id-0')?.metadata, 4)
})

test('a counter that is incremented under its number loses no increment', async (t) => {
  const index = await open(t, new SimulatedDisk())
  await index.insert('counter', [0, 0], 0)
  const increment = async (): Promise<void> => {
    for (;;) {
      const { metadata, seq } = index.get('counter')!
      try {
        await index.update('counter', { metadata: (metadata as number) + 1 }, { ifSeq: seq })
        return
      } catch (error) {
        refusal('WALV_CONFLICT', 'not-logged')(error as Error)
      }
    }
  }
  await Promise.all(Array.from({ length: 12 }, increment))
  assert.equal(index.get('counter')?.metadata, 12)
})

test('a change with a key takes effect once, and its caller gets the same answer again', async (t) => {
  const disk = new SimulatedDisk()
  const index = await open(t, disk)
  const key = (idempotencyKey: string): { idempotencyKey: string } => ({ idempotencyKey })
  await index.insert('a', [1, 0], { n: 1 }, key('insert'))
  await index.insert('a', [1, 0], { n: 1 }, key('insert'))
  await index.update('a', { metadata: { n: 2 } }, { ...key('update'), ifSeq: seqOf(index, 'a')! })
  await index.update('a', { metadata: { n: 2 } }, { ...key('update'), ifSeq: 99 })
  assert.equal(await index.delete('a', key('delete')), true)
  assert.equal(await index.delete('b', key('delete b')), false)
  await index.insert('a', [2, 0])
  await index.insert('b', [2, 0])
  const { lastSeq } = index.stats()
  const again = async (of: DurableIndex): Promise<void> => {
    assert.equal(await of.delete('a', key('delete')), true)
    assert.equal(await of.delete('b', key('delete b')), false)
    await of.insert('a', [1, 0], { n: 1 }, key('insert'))
    const other = of.insert('a', [1, 0], { n: 3 }, key('insert'))
    await assert.rejects(other, (error: WalError) => {
      assert.deepEqual(error.detail, { idempotencyKey: 'insert', seq: 1 })
      return refusal('WALV_CONFLICT', 'not-logged')(error)
    })
    assert.deepEqual([...of.ids()], ['a', 'b'])
  }
  await again(index)
  assert.equal(index.stats().lastSeq, lastSeq, 'nothing was logged')
  await index.close()
  const replayed = await open(t, disk)
  await again(replayed)
  await replayed.checkpoint()
  await replayed.close()
  const loaded = await open(t, disk)
  assert.equal(loaded.recovery.replayed, 0)
  await again(loaded)
})

test('only a change that took effect has its key, and two calls at once are one change', async (t) => {
  const disk = new SimulatedDisk()
  const index = await open(t, disk)
  const key = { idempotencyKey: 'k' }
  await assert.rejects(index.update('a', { metadata: 1 }, key), refusal('WALV_NOT_FOUND'))
  await Promise.all([
    index.insert('a', [1, 0], null, key),
    index.insert('a', [1, 0], null, key),
    index.insert('a', [1, 0], null, key),
  ])
  const { lastSeq } = index.stats()
  assert.equal(lastSeq, 1)
  const [one, other] = await Promise.allSettled([
    index.insert('b', [1, 0], null, { idempotencyKey: 'b' }),
    index.insert('b', [2, 0], null, { idempotencyKey: 'b' }),
  ])
  assert.deepEqual([one!.status, other!.status], ['fulfilled', 'rejected'])
  await index.batch([{ type: 'upsert', id: 'c', vector: [1, 1] }], { idempotencyKey: 'c' })
  await index.batch([{ type: 'upsert', id: 'c', vector: [1, 1] }], { idempotencyKey: 'c' })
  assert.equal(index.stats().lastSeq, lastSeq + 2)
})

test('a key is kept for its window of the log s time', async (t) => {
  const disk = new SimulatedDisk()
  let now = 1_700_000_000_000
  const index = await open(t, disk, { clock: () => now })
  const key = { idempotencyKey: 'k' }
  await index.upsert('a', [1, 0], 1, key)
  now += IDEMPOTENCY_WINDOW_MS - 1
  await index.upsert('b', [1, 0])
  await index.upsert('a', [1, 0], 1, key)
  assert.equal(seqOf(index, 'a'), 1)
  now += 1
  await index.upsert('b', [1, 0])
  await index.upsert('a', [1, 0], 1, key)
  assert.equal(seqOf(index, 'a'), 4)
  await index.close()
  const again = await open(t, disk, { clock: () => now })
  assert.equal(seqOf(again, 'a'), 4)
  assert.equal(again.recovery.voided, 0)
})

test('a transaction with a key is run once', async (t) => {
  const disk = new SimulatedDisk()
  const index = await open(t, disk)
  let runs = 0
  const run = (of: DurableIndex): Promise<number | undefined> =>
    of.transaction(
      async (transaction) => {
        runs++
        await transaction.insert('a', [1, 0])
        return runs
      },
      { idempotencyKey: 't' },
    )
  const failing = index.transaction(() => Promise.reject(new Error('no')), { idempotencyKey: 't' })
  const [failed, first, second] = await Promise.allSettled([failing, run(index), run(index)])
  assert.equal(failed.status, 'rejected')
  assert.deepEqual(
    [first, second],
    [
      { status: 'fulfilled', value: 1 },
      { status: 'fulfilled', value: undefined },
    ],
  )
  await index.checkpoint()
  await index.close()
  const again = await open(t, disk)
  assert.equal(await run(again), undefined)
  assert.equal(runs, 1)
  const other = again.insert('x', [1, 0], null, { idempotencyKey: 't' })
  await assert.rejects(other, refusal('WALV_CONFLICT'))
})

test('a transaction reads what it would leave, and nobody changes what it has read', async (t) => {
  const index = await open(t, new SimulatedDisk())
  await index.insert('a', [1, 0], { n: 1 })
  await index.insert('b', [2, 0], { n: 2 })
  await index.transaction(async (transaction) => {
    const vector = Float32Array.of(1, 0)
    assert.deepEqual(await transaction.get('a'), { vector, metadata: { n: 1 }, seq: 1 })
    assert.equal(await transaction.get('nobody'), undefined)
    await assert.rejects(index.update('a', { metadata: 0 }), refusal('WALV_CONFLICT'))
    await assert.rejects(index.insert('nobody', [0, 0]), refusal('WALV_CONFLICT'))
    await transaction.update('a', { metadata: { n: 3 } })
    assert.deepEqual(await transaction.get('a'), { vector, metadata: { n: 3 }, seq: undefined })
    await transaction.update('a', { vector: [9, 9] })
    await transaction.delete('b')
    await transaction.insert('c', [3, 0])
    assert.deepEqual(await transaction.get('a'), {
      vector: Float32Array.of(9, 9),
      metadata: { n: 3 },
      seq: undefined,
    })
    assert.equal(await transaction.get('b'), undefined)
    assert.equal((await transaction.get('c'))?.metadata, null)
    await transaction.upsert('c', [4, 0], null, { ifAbsent: true })
    await assert.rejects(transaction.update('a', { metadata: 1 }, { ifSeq: 2 }), conflict('a', 2, 1))
    await assert.rejects(transaction.delete('zz', { ifSeq: 2 }), conflict('zz', 2, null))
  })
  assert.deepEqual([...index.ids()], ['a', 'c'])
  await index.insert('nobody', [0, 0])
  let kept: Parameters<Parameters<DurableIndex['transaction']>[0]>[0] | undefined
  await index.transaction((transaction) => {
    kept = transaction
  })
  await assert.rejects(kept!.get('a'), refusal('WALV_TRANSACTION_ENDED'))
})

test('a fork has what took effect, under numbers of its own, and the keys', async (t) => {
  const disk = new SimulatedDisk()
  const index = await open(t, disk)
  for (let at = 0; at < 5; at++) await index.insert(`id-${at}`, [at, 0])
  await index.insert('keyed', [1, 1], null, { idempotencyKey: 'early' })
  await index.checkpoint()
  await index.update('id-0', { metadata: 1 }, { ifSeq: 1 })
  await index.insert('late', [1, 1], null, { idempotencyKey: 'late' })
  await index.fork('/fork')
  const fork = await open(t, disk, { directory: '/fork' })
  assert.equal(fork.fingerprint(), index.fingerprint())
  assert.equal(seqOf(fork, 'id-1'), 0, 'what was taken over counts as changed at the beginning')
  assert.equal(seqOf(fork, 'id-0')! > 0, true)
  const { lastSeq } = fork.stats()
  await fork.insert('keyed', [1, 1], null, { idempotencyKey: 'early' })
  await fork.insert('late', [1, 1], null, { idempotencyKey: 'late' })
  assert.equal(fork.stats().lastSeq, lastSeq)
  await fork.update('id-1', { metadata: 2 }, { ifSeq: 0 })
})
