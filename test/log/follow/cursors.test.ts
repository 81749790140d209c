/** Named cursors: what they tell, how they move, and what is kept for them. */
import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  alter,
  appendAll,
  type CommittedUnit,
  type Cursor,
  customOf,
  insert,
  names,
  nextOf,
  openWal,
  refusal,
  temporaryDirectory,
  Wal,
  type WalOptions,
} from '../../support/kit.ts'

const KIB = 1024
const snapshot = async (): Promise<null> => null

const idsOf = ({ entries }: CommittedUnit): string =>
  entries.map((entry) => ('id' in entry ? entry.id : entry.type)).join()

/** The next so many units of a tail, which goes on. */
async function take(tail: AsyncIterator<CommittedUnit>, count: number): Promise<string[]> {
  const taken: string[] = []
  for (let left = count; left > 0; left--) taken.push(idsOf(await nextOf(tail)))
  return taken
}

/** What a cursor tells from its position on; nothing of it is committed. */
async function told(wal: Wal, cursor: Cursor, count: number): Promise<string[]> {
  const tail = wal.tail({ cursor })
  const units = await take(tail, count)
  await tail.return()
  return units
}

async function open(t: TestContext, options: Partial<WalOptions> = {}): Promise<Wal> {
  return openWal(t, { directory: await temporaryDirectory(t), segmentMaxBytes: 64 * KIB, ...options })
}

/** So much is logged that checkpoints have segments to let go of. */
async function fill(wal: Wal, prefix: string, checkpoints = 3): Promise<void> {
  for (let round = 0; round < checkpoints; round++) {
    for (const name of names(`${prefix}-${round}`, 8)) {
      await wal.append(insert(name))
      await wal.append(customOf(30 * KIB))
    }
    await wal.checkpoint({ seq: wal.lastSeq, snapshot })
  }
}

test('a cursor goes on behind what was committed, in the next process too', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 5))
  const cursor = await wal.cursor('search', { from: 'begin' })
  const tail = wal.tail({ cursor })
  assert.deepEqual(await take(tail, 3), names('a', 3))
  // The third was handed out, and nobody has asked for the next.
  await cursor.commit()
  assert.equal(cursor.position, 1)
  await cursor.commit(2)
  assert.equal(cursor.position, 2)
  await wal.close()
  const next = await openWal(t, { directory: wal.directory })
  const again = await next.cursor('search', { from: 'begin' })
  assert.equal(again.position, 2)
  assert.deepEqual(await told(next, again, 2), ['a-3', 'a-4'])
  assert.deepEqual(await told(next, again, 2), ['a-3', 'a-4'], 'what was not committed is told again')
})

test('a new cursor begins behind what is there, with what is there, or with a record', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 5))
  const positions: number[] = []
  for (const [name, from] of [
    ['end', undefined],
    ['begin', 'begin'],
    ['third', 2],
  ] as const) {
    const cursor = await wal.cursor(name, from === undefined ? {} : { from })
    positions.push(cursor.position)
  }
  assert.deepEqual(positions, [4, -1, 1])
  await assert.rejects(wal.cursor('late', { from: 6 }), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(wal.cursor('odd', { from: 'middle' as 'end' }), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(wal.cursor('negative', { maxHeldBytes: -1 }), refusal('WALV_INVALID_OPTION'))
  assert.deepEqual(
    (await wal.cursors()).map(({ name, position, recordsBehind }) => [name, position, recordsBehind]),
    [
      ['begin', -1, 5],
      ['end', 4, 0],
      ['third', 1, 3],
    ],
  )
})

test('a position moves to what was told and never back', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 5))
  const cursor = await wal.cursor('search', { from: 'begin' })
  const tail = wal.tail({ cursor })
  await take(tail, 4)
  await assert.rejects(cursor.commit(4), refusal('WALV_INVALID_OPTION'))
  await Promise.all([cursor.commit(3), cursor.commit(1), cursor.commit()])
  assert.equal(cursor.position, 3)
  await cursor.close()
  await assert.rejects(cursor.commit(3), refusal('WALV_CLOSED'))
  assert.throws(() => wal.tail({ cursor }), refusal('WALV_CLOSED'))
  assert.equal((await wal.cursor('search')).position, 3)
})

test('the one that began last moves a cursor', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 5))
  const cursor = await wal.cursor('search', { from: 'begin' })
  const first = wal.tail({ cursor })
  await take(first, 3)
  const second = wal.tail({ cursor })
  assert.deepEqual(await take(second, 2), ['a-0', 'a-1'])
  await take(first, 2)
  await cursor.commit()
  assert.equal(cursor.position, 0)
  await assert.rejects(cursor.commit(3), refusal('WALV_INVALID_OPTION'))
})

test('a transaction that was open at the position is told whole', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 2))
  const early = wal.begin()
  early.append(insert('early-1'))
  await wal.append(insert('b'))
  const cursor = await wal.cursor('search')
  const late = wal.begin()
  late.append(insert('late-1'))
  await wal.append(insert('c'))
  const tail = wal.tail({ cursor })
  assert.deepEqual(await take(tail, 1), ['c'])
  await cursor.commit(wal.lastSeq)
  await early.commit()
  late.append(insert('late-2'))
  await late.commit()
  assert.deepEqual(await take(tail, 2), ['early-1', 'late-1,late-2'])
  assert.deepEqual(await told(wal, cursor, 2), ['early-1', 'late-1,late-2'])
})

test('of two consumers of one name the second is refused, with who has it', async (t) => {
  const wal = await open(t)
  await wal.append(insert('a'))
  const cursor = await wal.cursor('search')
  const isTold = (error: Error): boolean =>
    refusal('WALV_LOCKED')(error) &&
    /The cursor search .* is open in process \d+ .*, this very process/.test(error.message)
  await assert.rejects(wal.cursor('search'), isTold)
  await assert.rejects(wal.dropCursor('search'), isTold)
  const follower = await openWal(t, { directory: wal.directory, follow: true })
  await assert.rejects(follower.cursor('search'), isTold)
  await cursor.close()
  assert.equal((await follower.cursor('search')).position, 0)
})

test('names are those of files on every file system', async (t) => {
  const wal = await open(t)
  await wal.append(insert('a'))
  for (const name of ['', 'A', 'a/b', '..', 'a.b', '-a', 'con', 'lpt1', 'x'.repeat(65), 'ä', 7 as never])
    for (const call of [wal.cursor(name), wal.dropCursor(name)])
      await assert.rejects(call, refusal('WALV_INVALID_OPTION'), String(name))
  for (const name of ['a', '0', 'search-indexer_2', 'console', 'x'.repeat(64)])
    await (await wal.cursor(name)).close()
  assert.equal((await wal.cursors()).length, 5)
})

test('a cursor that is dropped is gone, and nothing is left of it', async (t) => {
  const wal = await open(t)
  await wal.append(insert('a'))
  await (await wal.cursor('search')).close()
  assert.equal(await wal.dropCursor('search'), true)
  assert.equal(await wal.dropCursor('search'), false)
  assert.deepEqual(await readdir(join(wal.directory, 'cursors')), [])
  assert.equal((await wal.cursor('search', { from: 'begin' })).position, -1)
})

test('a cursor whose file was replaced under it moves no more', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 2))
  const cursor = await wal.cursor('search', { from: 'begin' })
  const tail = wal.tail({ cursor })
  await take(tail, 1)
  await rm(join(wal.directory, 'cursors'), { recursive: true })
  await assert.rejects(cursor.commit(0), refusal('WALV_LOCK_LOST'))
  assert.equal(cursor.position, -1)
})

test('what a tail is given is checked', async (t) => {
  const [wal, other] = [await open(t), await open(t)]
  await wal.append(insert('a'))
  await other.append(insert('a'))
  const cursor = await other.cursor('search')
  for (const options of [{ cursor }, { cursor: { name: 'search' } as Cursor }])
    assert.throws(() => wal.tail(options), refusal('WALV_INVALID_OPTION'))
  assert.throws(() => other.tail({ cursor, from: 0 }), refusal('WALV_INVALID_OPTION'))
  const reader = await openWal(t, { directory: wal.directory, readOnly: true })
  await assert.rejects(reader.cursor('search'), refusal('WALV_READ_ONLY'))
  assert.deepEqual(await reader.cursors(), [])
  await other.close()
  await assert.rejects(cursor.commit(), refusal('WALV_CLOSED'))
  await assert.rejects(other.cursor('search'), refusal('WALV_CLOSED'))
})

test('a log that is not begun yet has no cursors', async (t) => {
  const directory = await temporaryDirectory(t)
  const follower = await openWal(t, { directory, follow: true })
  await assert.rejects(follower.cursor('search'), refusal('WALV_NOT_FOUND'))
})

test('retention keeps what a cursor needs, and lets go of it once the cursor has moved', async (t) => {
  const wal = await open(t)
  const cursor = await wal.cursor('search', { from: 'begin' })
  await fill(wal, 'a')
  assert.equal(wal.stats().firstSeq, 0)
  const { cursorHeldBytes = 0 } = wal.stats()
  const [status] = await wal.cursors()
  assert.equal(status!.heldBytes, cursorHeldBytes)
  assert.ok(cursorHeldBytes > 64 * KIB && status!.bytesBehind > cursorHeldBytes)
  assert.equal(status!.problem, undefined)
  const tail = wal.tail({ cursor })
  await take(tail, 3 * 16)
  await cursor.commit(wal.lastSeq - 1)
  await wal.checkpoint({ seq: wal.lastSeq, snapshot })
  assert.ok(wal.stats().firstSeq > 0)
  assert.equal(wal.stats().cursorHeldBytes, 0)
  await wal.close()
  const next = await openWal(t, { directory: wal.directory })
  assert.deepEqual(next.recovery.damage, [])
})

test('what a dropped cursor alone needed goes at once, without another checkpoint', async (t) => {
  const wal = await open(t)
  const cursor = await wal.cursor('idle', { from: 'begin' })
  await fill(wal, 'a', 4)
  assert.equal(wal.stats().firstSeq, 0)
  await cursor.close()
  await wal.dropCursor('idle')
  const { firstSeq, cursorHeldBytes, upkeepFailures } = wal.stats()
  assert.ok(firstSeq > 0, 'nothing is gone')
  assert.deepEqual([cursorHeldBytes, upkeepFailures], [0, 0])
})

test('a cursor that may hold no more is told what is gone, and the log goes on', async (t) => {
  const wal = await open(t)
  await wal.append(insert('first'))
  const cursor = await wal.cursor('slow', { from: 'begin', maxHeldBytes: 100 * KIB })
  await fill(wal, 'a', 4)
  const { firstSeq } = wal.stats()
  assert.ok(firstSeq > 0)
  assert.equal(wal.stats().cursorHeldBytes, 0)
  const gone = new RegExp(`cursor slow needs record 0.*: 0 to ${firstSeq - 1} are gone.*dropCursor`)
  const tail = wal.tail({ cursor })
  await assert.rejects(
    tail.next(),
    (error: Error) => refusal('WALV_SEQUENCE_TRIMMED')(error) && gone.test(error.message),
  )
  const [status] = await wal.cursors()
  assert.match(status!.problem!, gone)
  const { checks } = await wal.health()
  const check = checks.find(({ name }) => name === 'cursors')!
  assert.equal(check.level, 'warn')
  assert.match(check.message, /The slowest of 1 cursors is slow: \d+ records and \d+ MiB/)
  assert.match(check.message, gone)
  await cursor.close()
  assert.equal(await wal.dropCursor('slow'), true)
  assert.equal((await wal.cursor('slow')).position, wal.lastSeq)
})

test('health warns of a cursor for which more than half of what it may hold is kept', async (t) => {
  const wal = await open(t)
  const level = async (): Promise<string> =>
    (await wal.health()).checks.find(({ name }) => name === 'cursors')!.level
  assert.equal(await level(), 'ok')
  await wal.cursor('idle', { from: 'begin' })
  await fill(wal, 'a')
  assert.equal(await level(), 'ok')
  const { heldBytes } = (await wal.cursors())[0]!
  await (await wal.cursor('other', { from: 'begin', maxHeldBytes: heldBytes * 2 - 1 })).close()
  assert.equal(await level(), 'warn')
  await wal.cursor('other', { maxHeldBytes: heldBytes * 2 })
  assert.equal(await level(), 'ok')
})

test('a damaged cursor is named, and never begun anew', async (t) => {
  const wal = await open(t)
  await wal.append(insert('a'))
  await (await wal.cursor('search', { from: 'begin' })).close()
  const file = join(wal.directory, 'cursors', 'search.json')
  const whole = await readFile(file)
  for (const damage of [
    (text: Buffer) => text.subarray(0, 20),
    (text: Buffer) => Buffer.from(text.toString().replace(':-1,', ':-0,')),
  ]) {
    await alter(file, damage)
    await assert.rejects(
      wal.cursor('search', { from: 'begin' }),
      (error: Error) =>
        refusal('WALV_DAMAGED')(error) && /cursors\/search\.json is damaged/.test(error.message),
    )
    assert.match((await wal.cursors())[0]!.problem!, /is damaged/)
    assert.equal((await wal.health()).level, 'warn')
    await fill(wal, 'a')
    assert.equal(wal.stats().firstSeq, 0, 'it may have stood anywhere')
    await writeFile(file, whole)
  }
  await writeFile(join(wal.directory, 'cursors', 'copy.json'), whole)
  await assert.rejects(wal.cursor('copy'), refusal('WALV_DAMAGED'))
})

test('a cursor of another log, and one ahead of its log, are refused', async (t) => {
  const [wal, other] = [await open(t), await open(t)]
  await appendAll(wal, names('a', 9))
  await appendAll(other, names('a', 9))
  await (await wal.cursor('search')).close()
  await (await other.cursor('mine')).close()
  const content = await readFile(join(wal.directory, 'cursors', 'search.json'))
  await writeFile(join(other.directory, 'cursors', 'search.json'), content)
  await assert.rejects(other.cursor('search'), refusal('WALV_FOREIGN_LOG'))
  await wal.close()
  const [segment] = (await readdir(wal.directory)).filter((name) => name.endsWith('.walv'))
  const old = await readFile(join(wal.directory, segment!))
  const longer = await openWal(t, { directory: wal.directory })
  await appendAll(longer, names('b', 9))
  await (await longer.cursor('later')).close()
  await longer.close()
  for (const name of (await readdir(wal.directory)).filter((each) => each.endsWith('.walv')))
    await rm(join(wal.directory, name))
  await writeFile(join(wal.directory, segment!), old)
  const setBack = await openWal(t, { directory: wal.directory })
  assert.equal((await setBack.cursor('search')).position, 8)
  await assert.rejects(
    setBack.cursor('later'),
    (error: Error) => refusal('WALV_DAMAGED')(error) && /stands at record 1\d/.test(error.message),
  )
})

test('checkpoints and appends go on without a cursors folder that can be read', async (t) => {
  const wal = await open(t)
  await writeFile(join(wal.directory, 'cursors'), 'in the place of a folder')
  await fill(wal, 'a')
  assert.equal(wal.stats().upkeepFailures, 0)
  await assert.rejects(wal.cursor('search'), (error: Error) => 'code' in error)
})

test('a follower has cursors, and writes nothing but their files', async (t) => {
  const wal = await open(t)
  await appendAll(wal, names('a', 3))
  const directory = wal.directory
  const follower = await openWal(t, { directory, follow: true })
  const before = await readdir(directory)
  const cursor = await follower.cursor('search', { from: 'begin' })
  const tail = follower.tail({ cursor })
  assert.deepEqual(await take(tail, 3), names('a', 3))
  await wal.append(insert('b'))
  assert.deepEqual(await take(tail, 1), ['b'])
  await cursor.commit()
  assert.equal(cursor.position, 2)
  await fill(wal, 'c')
  assert.equal(wal.stats().firstSeq, 0)
  await follower.close()
  assert.deepEqual(
    new Set((await readdir(directory)).filter((name) => !name.endsWith('.walv'))),
    new Set([...before.filter((name) => !name.endsWith('.walv')), 'cursors', 'snapshots']),
  )
  const again = await openWal(t, { directory, follow: true })
  const reopened = await again.cursor('search')
  assert.equal(reopened.position, 2)
  assert.deepEqual(await told(again, reopened, 2), ['b', 'c-0-0'])
  const reader = await Wal.open({ directory, readOnly: true })
  assert.deepEqual(
    (await reader.cursors()).map(({ heldBytes }) => heldBytes),
    (await wal.cursors()).map(({ heldBytes }) => heldBytes),
  )
  await reader.close()
})
