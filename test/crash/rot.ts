/** A small log of every kind of record, whatever its disk does to it later, and what must then be said of it. */
import assert from 'node:assert/strict'
import { type Damage, Wal, WalError, type WalRecord } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { DIRECTORY } from './workloads.ts'

export interface Original {
  readonly disk: SimulatedDisk
  /** Each record as text, by sequence number. */
  readonly records: ReadonlyMap<number, string>
  /** Paths of the segment files, with how many of their bytes are in use. */
  readonly files: readonly { readonly path: string; readonly usedBytes: number }[]
}

/** Two segments: the first too large to be carried over, the second closed in order. */
export async function makeLog(): Promise<Original> {
  const disk = new SimulatedDisk({ seed: 1 })
  let now = 1_700_000_000_000
  const open = (): Promise<Wal> => Wal.open({ directory: DIRECTORY, disk, clock: () => now++ })
  let wal = await open()
  for (let number = 0; number < 6; number++)
    await wal.append({ type: 'insert', id: `large-${number}`, vector: new Float32Array(4_000).fill(number) })
  await wal.close()
  wal = await open()
  await wal.append({ type: 'insert', id: 'a', vector: Float32Array.of(1, 2, 3), metadata: { lang: 'en' } })
  await wal.append({ type: 'update', id: 'a', metadata: null })
  await wal.appendBatch([
    { type: 'delete', id: 'a' },
    { type: 'custom', kind: 'k', data: Buffer.from('data') },
  ])
  const transaction = wal.begin()
  transaction.insert('b', Float32Array.of(4, 5))
  await transaction.prepare()
  await transaction.commit()
  await wal.append({ type: 'insert', id: 'last', vector: new Float32Array(700).fill(7) })
  await wal.close()
  const records = new Map<number, string>()
  const read = await Wal.open({ directory: DIRECTORY, disk, readOnly: true })
  for await (const record of read.read()) records.set(record.seq, textOf(record))
  const files = (await disk.list(DIRECTORY))
    .filter(({ name }) => name.endsWith('.walv'))
    .map(({ name }) => `${DIRECTORY}/${name}`)
  return {
    disk,
    records,
    files: await Promise.all(files.sort().map(async (path) => ({ path, usedBytes: await usedBytesOf(disk, path) }))),
  }
}

const textOf = (record: WalRecord): string =>
  JSON.stringify(record, (_key, value) =>
    value instanceof Uint8Array || value instanceof Float32Array ? [...value] : value,
  )

async function usedBytesOf(disk: SimulatedDisk, path: string): Promise<number> {
  const file = await disk.open(path, 'read')
  const bytes = Buffer.alloc(await file.size())
  await file.read(bytes, 0)
  let used = bytes.length
  while (used > 0 && bytes[used - 1] === 0) used--
  return used
}

/** Fails unless nothing altered comes back, and what is lost is named, and nothing else is. */
export async function checkRotten(disk: SimulatedDisk, original: Original): Promise<'whole' | 'loss'> {
  const salvaged = await openReadOnly(disk, 'salvage')
  const found = await readAll(salvaged)
  for (const [seq, text] of found) assert.equal(text, original.records.get(seq), `record ${seq} came back altered`)
  const { damage } = salvaged.recovery
  const lost = [...original.records.keys()].filter((seq) => !found.has(seq))
  const isUnknown = damage.some(({ acknowledged }) => acknowledged === null)
  const named = namedIn(damage, original.records.size)
  if (!isUnknown) assert.deepEqual(lost, named, 'what is lost is not what is named')
  const strict = await openReadOnly(disk, 'strict').catch((error: WalError) => error)
  if (lost.length > 0 || isUnknown) {
    assert.ok(strict instanceof WalError && strict.code === 'WALV_DAMAGED', `a loss was not refused: ${lost}`)
    return 'loss'
  }
  assert.ok(strict instanceof Wal, `refused without a loss: ${(strict as Error).message}`)
  return 'whole'
}

/** Fails unless a repair leaves a log that opens strictly, with the same records. */
export async function checkRepaired(disk: SimulatedDisk): Promise<void> {
  const before = await readAll(await openReadOnly(disk, 'salvage'))
  const repaired = await Wal.open({ directory: DIRECTORY, disk, recovery: 'repair' })
  await repaired.append({ type: 'delete', id: 'after' })
  await repaired.close()
  const strict = await openReadOnly(disk, 'strict')
  const after = await readAll(strict)
  for (const [seq, text] of before) assert.equal(after.get(seq), text, `record ${seq} did not survive the repair`)
  assert.equal(strict.recovery.damage.length, 0, JSON.stringify(strict.recovery.damage))
}

const openReadOnly = (disk: SimulatedDisk, recovery: 'strict' | 'salvage'): Promise<Wal> =>
  Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery })

async function readAll(wal: Wal): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for await (const record of wal.read()) {
    if (record.entry.type !== 'gap') found.set(record.seq, textOf(record))
  }
  return found
}

function namedIn(damage: readonly Damage[], count: number): number[] {
  const named = new Set<number>()
  for (const { seqs, acknowledged } of damage) {
    for (const { from, through } of acknowledged ? seqs : []) {
      for (let seq = Number(from); seq <= Number(through ?? count - 1); seq++) named.add(seq)
    }
  }
  return [...named].sort((a, b) => a - b)
}
