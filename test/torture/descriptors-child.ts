/**
 * Uses up the file descriptors of its process around an open log, and before one is opened.
 * `descriptors.test.ts` starts it with a low limit.
 */
import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type EntryInput, Wal, type WalError } from '../../src/mod.ts'

const [directory] = process.argv.slice(2) as [string]
const first = join(directory, 'first')

/** Does something while every descriptor that the process may have is taken. */
async function exhausted<T>(work: () => Promise<T>): Promise<T> {
  const descriptors: number[] = []
  try {
    for (;;) descriptors.push(openSync('/dev/null', 'r'))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE')
  }
  try {
    return await work()
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

/** An error that says what could not be done, and why. */
const tooManyFiles = (error: WalError): boolean => {
  if (error.code !== 'WALV_IO' || !error.message.includes('EMFILE')) throw error
  return true
}
const notLogged = (error: WalError): boolean => tooManyFiles(error) && error.fate === 'not-logged'

const entry = (id: string, bytes = 100): EntryInput => ({
  type: 'insert',
  id,
  vector: [1],
  metadata: 'm'.repeat(bytes),
})

/**
 * Waits for what the log does behind its callers' backs: the segment that it prepares takes
 * descriptors of its own for a while.
 */
async function upkeepDone(): Promise<void> {
  do await setTimeout(10)
  while (process.getActiveResourcesInfo().some((kind) => /^(FSReq|FileHandle)/.test(kind)))
}

async function idsIn(wal: Wal): Promise<string[]> {
  const ids: string[] = []
  for await (const { entry } of wal.read()) if ('id' in entry) ids.push(entry.id)
  return ids
}

const refused = (work: () => Promise<unknown>, expected = tooManyFiles): Promise<void> =>
  exhausted(() => assert.rejects(work, expected))

// Before the first log: what the lock needs is not loaded yet.
await refused(() => Wal.open({ directory: first }))

const wal = await Wal.open({ directory: first, segmentMaxBytes: 64 * 1024 })
const acknowledged: string[] = []
const append = async (id: string, bytes?: number): Promise<void> => {
  await wal.append(entry(id, bytes))
  acknowledged.push(id)
}
for (let time = 0; time < 3; time++) {
  await upkeepDone()
  // Too much for what is left behind a large one: the segment that was prepared is taken, and gives
  // no descriptor free when the next is needed.
  await exhausted(() => append(`small-${time}`, 5_000))
  await refused(() => wal.append(entry('large', 1_000_000)), notLogged)
  await exhausted(() => append(`small-again-${time}`))
  await refused(() => idsIn(wal))
  await refused(() => Wal.open({ directory: join(directory, 'second') }))
  await refused(() => Wal.open({ directory: first, readOnly: true }))
  await refused(() => wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null }))
  await append(`large-${time}`, 1_000_000)
  assert.deepEqual(await idsIn(wal), acknowledged)
}
await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
await wal.close()
const again = await Wal.open({ directory: first })
assert.deepEqual(await idsIn(again), acknowledged)
await again.close()
