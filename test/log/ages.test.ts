/** Ages do not go by a clock that somebody may set. */
import '../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { collect, DIRECTORY, type HealthCheck, insert, SimulatedDisk, START, Wal } from '../support/kit.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const YEAR_MS = 365 * 24 * HOUR_MS

/** The clock of this machine, which a test sets, and time, which it lets pass. */
function machine(t: TestContext): { set: (byMs: number) => void; pass: (ms: number) => void } {
  let clock = START
  let passed = Math.ceil(performance.now())
  t.mock.method(Date, 'now', () => clock)
  t.mock.method(performance, 'now', () => passed)
  const set = (byMs: number): void => {
    clock += byMs
  }
  const pass = (ms: number): void => {
    clock += ms
    passed += ms
  }
  return { set, pass }
}

const open = (disk: SimulatedDisk, options: Partial<Parameters<typeof Wal.open>[0]> = {}): Promise<Wal> =>
  Wal.open({ directory: DIRECTORY, disk, ...options })

async function checkpointAge(wal: Wal): Promise<HealthCheck['value']> {
  return (await wal.health()).checks.find(({ name }) => name === 'checkpoint-age')!.value
}

test('after the clock was set forward by a year and back, segments still end by their age', async (t) => {
  const { set, pass } = machine(t)
  const wal = await open(new SimulatedDisk(), { segmentMaxAgeMs: MINUTE_MS })
  await wal.append(insert('a'))
  set(YEAR_MS)
  await wal.append(insert('b'))
  set(-YEAR_MS)
  const { rotations } = wal.stats()
  for (const id of ['c', 'd', 'e']) {
    pass(MINUTE_MS)
    await wal.append(insert(id))
  }
  assert.equal(wal.stats().rotations, rotations + 3)
  const timestamps = (await collect(wal.read())).map(({ timestamp }) => timestamp)
  assert.deepEqual(timestamps, [START, ...Array(4).fill(START + YEAR_MS)], 'what is written never goes back')
  await wal.close()
})

test('setting the clock does not make a segment old', async (t) => {
  const { set } = machine(t)
  const wal = await open(new SimulatedDisk(), { segmentMaxAgeMs: MINUTE_MS })
  for (const id of ['a', 'b']) {
    await wal.append(insert(id))
    set(YEAR_MS)
  }
  assert.equal(wal.stats().rotations, 0)
  await wal.close()
})

test('the age of a checkpoint that was taken while the clock was a year ahead grows', async (t) => {
  const { set, pass } = machine(t)
  const disk = new SimulatedDisk()
  const wal = await open(disk)
  await wal.append(insert('a'))
  set(YEAR_MS)
  await wal.checkpoint({ seq: 0, snapshot: async () => null })
  set(-YEAR_MS)
  pass(30 * HOUR_MS)
  assert.deepEqual([await checkpointAge(wal), wal.stats().checkpointAgeMs], [30 * HOUR_MS, 30 * HOUR_MS])
  set(2 * YEAR_MS)
  assert.equal(await checkpointAge(wal), 30 * HOUR_MS)
  set(-2 * YEAR_MS)
  await wal.close()
  for (const readOnly of [false, true]) {
    const again = await open(disk, { readOnly })
    pass(5 * HOUR_MS)
    assert.deepEqual(await checkpointAge(again), 5 * HOUR_MS, 'at least as old as the log has been open')
    await again.close()
  }
})

test('the age of a log without a checkpoint grows, whatever the clock is set to', async (t) => {
  const { set, pass } = machine(t)
  const wal = await open(new SimulatedDisk())
  set(-YEAR_MS)
  pass(30 * HOUR_MS)
  assert.equal(await checkpointAge(wal), 30 * HOUR_MS)
  assert.equal(wal.stats().checkpointAgeMs, undefined)
  await wal.close()
})

test('a clock that is given as an option and set back goes on from there', async () => {
  let now = START
  const wal = await open(new SimulatedDisk(), { clock: () => now, segmentMaxAgeMs: MINUTE_MS })
  now += YEAR_MS
  await wal.append(insert('a'))
  now -= YEAR_MS
  await wal.append(insert('b'))
  now += MINUTE_MS
  await wal.append(insert('c'))
  assert.equal(wal.stats().rotations, 1)
  await wal.close()
})
