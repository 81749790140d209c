/** What happens to a log whose file system is full. */
import assert from 'node:assert/strict'
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DurableIndex, type EntryInput, flat, Wal, type WalError, type WalErrorCode } from '../../src/mod.ts'

const KIB = 1024

/** A file system that has more is not the small one. */
const MAX_BALLAST_BYTES = 16 * 1024 * KIB

/** Takes the space of the file system away, to the last byte, and gives it back. */
export class Ballast {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  load(): void {
    const descriptor = openSync(this.#path, 'a')
    let loaded = 0
    try {
      for (let bytes = 64 * KIB; bytes >= 1; ) {
        assert.ok(loaded < MAX_BALLAST_BYTES, `${this.#path} is not on a small file system`)
        try {
          loaded += writeSync(descriptor, Buffer.alloc(bytes, 1))
          fsyncSync(descriptor)
        } catch {
          bytes = Math.floor(bytes / 2)
        }
      }
    } finally {
      closeSync(descriptor)
    }
  }

  drop(): void {
    rmSync(this.#path, { force: true })
  }
}

export interface Scene {
  /** Of the log, on a file system of a few MiB that holds nothing else. */
  readonly directory: string
  readonly ballast: Ballast
}

const entry = (id: string, bytes = 3 * KIB): EntryInput => ({
  type: 'insert',
  id,
  vector: [1],
  metadata: 'm'.repeat(bytes),
})

/**
 * Appends with eight in flight until some are refused. Returns the ids that are acknowledged; the
 * others were not logged.
 */
async function appendUntilRefused(
  wal: Wal,
  prefix: string,
  code: WalErrorCode = 'WALV_DISK_FULL',
): Promise<string[]> {
  const acknowledged: string[] = []
  for (let count = 0; ; count += 8) {
    const ids = Array.from({ length: 8 }, (_, index) => `${prefix}-${count + index}`)
    const answers = await Promise.allSettled(ids.map((id) => wal.append(entry(id))))
    answers.forEach((answer, index) => {
      if (answer.status === 'fulfilled') acknowledged.push(ids[index]!)
      else isRefused(answer.reason, code, 'not-logged')
    })
    if (answers.some(({ status }) => status === 'rejected')) return acknowledged
  }
}

function isRefused(error: WalError, code: WalErrorCode, fate?: WalError['fate']): true {
  if (error.code !== code || (fate && error.fate !== fate)) throw error
  return true
}

const full = (error: WalError): true => isRefused(error, 'WALV_DISK_FULL')

async function idsIn(wal: Wal): Promise<string[]> {
  const ids: string[] = []
  for await (const { entry } of wal.read()) if ('id' in entry) ids.push(entry.id)
  return ids
}

async function idsOf(directory: string): Promise<string[]> {
  return idsIn(await Wal.open({ directory, readOnly: true }))
}

/** Every file of a log but the lock's, which names the process. */
async function contentsOf(directory: string): Promise<Map<string, string>> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.walv')).toSorted()
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(directory, name), 'base64')] as const),
    ),
  )
}

async function makeLog(directory: string): Promise<string[]> {
  const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`)
  await using wal = await Wal.open({ directory, segmentMaxBytes: 64 * KIB })
  await Promise.all(ids.map((id) => wal.append(entry(id))))
  return ids
}

/** Appends until a next segment would be larger than a file may be. */
async function appendsUpToFileLimit({ directory }: Scene): Promise<void> {
  const wal = await Wal.open({ directory })
  const acknowledged = await appendUntilRefused(wal, 'log', 'WALV_IO')
  assert.ok(acknowledged.length > 50)
  assert.deepEqual(await idsIn(wal), acknowledged)
  await wal.close()
  assert.deepEqual(await idsOf(directory), acknowledged)
}

/** Flips a bit in the metadata of an id. */
async function destroy(directory: string, id: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const content = await readFile(join(directory, name))
    const place = content.indexOf(`${id}"`)
    if (place < 0) continue
    content[place + id.length + 5]! ^= 4
    await writeFile(join(directory, name), content)
  }
}

export const SCENES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'appends are refused and not logged, what is acknowledged can be read, and the log goes on when there is space':
    appends,
  'a log that fills the disk by itself refuses what does not fit, and has the rest': fillsByItself,
  'a log is opened for reading, and for writing only when there is space': opening,
  'a checkpoint is refused and the one before stays; index and log agree': checkpoint,
  'a repair is refused and changes nothing, and works when there is space': repair,
}

/** The same for a limit on the size of files, which needs nothing mounted. */
export const LIMIT_SCENES: typeof SCENES = {
  'appends that need a larger file are refused and not logged, and what is acknowledged stays':
    appendsUpToFileLimit,
}

async function appends({ directory, ballast }: Scene): Promise<void> {
  const acknowledged: string[] = []
  let wal = await Wal.open({ directory, segmentMaxBytes: 64 * KIB })
  for (let time = 0; time < 4; time++) {
    await wal.append(entry(`before-${time}`))
    ballast.load()
    acknowledged.push(`before-${time}`, ...(await appendUntilRefused(wal, `full-${time}`)))
    await assert.rejects(wal.append(entry('refused', 100 * KIB)), full)
    assert.deepEqual(await idsIn(wal), acknowledged, 'what is acknowledged can be read on a full disk')
    ballast.drop()
    await wal.append(entry(`after-${time}`))
    acknowledged.push(`after-${time}`)
    if (time % 2 === 0) continue
    await wal.close()
    assert.deepEqual(await idsOf(directory), acknowledged)
    wal = await Wal.open({ directory, segmentMaxBytes: 64 * KIB })
  }
  await wal.close()
  assert.deepEqual(await idsOf(directory), acknowledged)
}

async function fillsByItself({ directory }: Scene): Promise<void> {
  const wal = await Wal.open({ directory })
  const acknowledged = await appendUntilRefused(wal, 'log')
  assert.ok(acknowledged.length > 50)
  assert.deepEqual(await idsIn(wal), acknowledged)
  await wal.close()
  assert.deepEqual(await idsOf(directory), acknowledged)
}

async function opening({ directory, ballast }: Scene): Promise<void> {
  const ids = await makeLog(directory)
  const before = await contentsOf(directory)
  ballast.load()
  await assert.rejects(Wal.open({ directory }), full)
  assert.deepEqual(await contentsOf(directory), before)
  assert.deepEqual(await idsOf(directory), ids)
  ballast.drop()
  await (await Wal.open({ directory })).close()
  assert.deepEqual(await idsOf(directory), ids)
}

async function checkpoint({ directory, ballast }: Scene): Promise<void> {
  const open = (readOnly = false): Promise<DurableIndex> =>
    DurableIndex.open({ directory, readOnly, segmentMaxBytes: 64 * KIB, index: flat({ dimensions: 4 }) })
  const index = await open()
  const insert = (id: string): Promise<void> => index.insert(id, [1, 2, 3, id.length], 'm'.repeat(3 * KIB))
  for (let count = 0; count < 40; count++) await insert(`one-${count}`)
  await index.checkpoint()
  for (let count = 0; count < 40; count++) await insert(`two-${count}`)
  ballast.load()
  const { size } = index
  await assert.rejects(index.checkpoint(), full)
  const late = await Promise.allSettled(Array.from({ length: 40 }, (_, count) => insert(`late-${count}`)))
  const kept = late.filter(({ status }) => status === 'fulfilled').length
  assert.ok(kept < 40, 'a disk that is full refuses what needs a new segment')
  assert.equal(index.size, size + kept, 'the index holds what was acknowledged and nothing else')
  const reader = await open(true)
  assert.equal(reader.fingerprint(), index.fingerprint())
  assert.equal(reader.recovery.fromSnapshot, 40, 'the snapshot before is there')
  ballast.drop()
  await index.checkpoint()
  await index.close()
  const again = await open()
  assert.equal(again.recovery.fromSnapshot, size + kept)
  assert.equal(again.fingerprint(), index.fingerprint())
  await again.close()
}

async function repair({ directory, ballast }: Scene): Promise<void> {
  const ids = await makeLog(directory)
  await destroy(directory, 'id-7')
  const damaged = await contentsOf(directory)
  ballast.load()
  await assert.rejects(Wal.open({ directory, recovery: 'repair' }), full)
  assert.deepEqual(await contentsOf(directory), damaged)
  ballast.drop()
  const repaired = await Wal.open({ directory, recovery: 'repair' })
  assert.deepEqual(repaired.recovery.gaps, [{ from: 7, through: 7 }])
  await repaired.close()
  const left = ids.filter((id) => id !== 'id-7')
  assert.deepEqual(await idsOf(directory), left)
}
