/**
 * The conversion of an old log: whatever a power cut leaves, the old one is untouched, and the new
 * one whole or none.
 */
import assert from 'node:assert/strict'
import { type Disk, Wal, WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { convertToV1, convertToV2, readV1Directory, type V1Entry, V1Writer } from '../../src/v1/mod.ts'
import { contentOf } from './decay.ts'
import { Trouble } from './trouble.ts'
import { seedOf, type Work, type Workload } from './workload.ts'

const FROM = '/data/v1'
const TO = '/data/v2'
const BACK = '/data/back'
const RECORDS = 30

export interface ConvertFacts {
  /** The files of the old log, by name. */
  readonly source: ReadonlyMap<string, string>
  /** Whether the conversion has answered that it is done. */
  readonly isDone: boolean
}

export function convertWorkload(name: string, steps: number): Workload {
  return { name, steps, everySeeds: 1, create: (seed) => convertWork(seed, new Trouble('none')) }
}

export function convertWork(seed: number, trouble: Trouble): Work<ConvertFacts> {
  return {
    onOperation: trouble.onOperation,
    async prepare(disk) {
      await disk.makeDirectory('/data')
      await disk.syncDirectory('/')
      const writer = await V1Writer.create(disk, FROM, { maxFileBytes: 4_000 })
      for (let number = 0; number < RECORDS; number++)
        await writer.append(BigInt(number), oldEntry(new Random(seedOf(seed, number)), number))
      await writer.close()
    },
    async run(disk, witness) {
      const source = await filesIn(disk)
      witness({ source, isDone: false })
      try {
        await convertToV2({ from: FROM, to: TO, disk })
      } catch (error) {
        if (!trouble.mayFail || !(error instanceof WalError)) throw error
        trouble.calm()
        await assert.rejects(
          disk.list(TO),
          { code: 'ENOENT' },
          'a conversion failed, and something of it is left',
        )
        await convertToV2({ from: FROM, to: TO, disk })
      }
      witness({ source, isDone: true })
    },
    verify: checkConverted,
  }
}

/**
 * What is there must be all of it, or no log; and where there is none, converting can be done
 * again.
 */
export async function checkConverted(disk: SimulatedDisk, facts: ConvertFacts | undefined): Promise<void> {
  if (facts === undefined) return
  assert.deepEqual(await filesIn(disk), facts.source, 'the old log was changed')
  const wanted = await payloadsOf(disk, FROM)
  if (await holdsLog(disk)) {
    await disk.remove(BACK).catch(() => {})
    await convertToV1({ from: TO, to: BACK, disk })
    assert.deepEqual(await payloadsOf(disk, BACK), wanted, 'the new log opens, and is not whole')
    return
  }
  assert.ok(!facts.isDone, 'the conversion was done, and there is no log')
  await disk.remove(TO).catch(() => {})
  await convertToV2({ from: FROM, to: TO, disk })
}

/** Whether the new directory can be taken for a log that holds something. */
async function holdsLog(disk: Disk): Promise<boolean> {
  try {
    const wal = await Wal.open({ directory: TO, disk, readOnly: true })
    return wal.stats().segments > 0
  } catch (error) {
    assert.ok(error instanceof WalError, `rejected with ${error instanceof Error ? error.stack : error}`)
    return false
  }
}

async function filesIn(disk: SimulatedDisk): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const { name } of (await disk.kill().list(FROM)).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    files.set(name, (await contentOf(disk, `${FROM}/${name}`)).toString('base64'))
  }
  return files
}

async function payloadsOf(disk: Disk, directory: string): Promise<string[]> {
  const payloads: string[] = []
  for await (const { record, damage } of readV1Directory(disk, directory)) {
    assert.equal(damage, undefined)
    payloads.push(`${record.seq} ${Buffer.from(record.payload).toString('hex')}`)
  }
  return payloads
}

/**
 * Entries of every kind, transactions among them that begin twice, never end, or end without a
 * begin.
 */
function oldEntry(random: Random, number: number): V1Entry {
  const timestamp = BigInt(1_600_000_000 + number * random.below(3))
  const id = `id-${number}`
  const transactionId = BigInt(random.below(3))
  const vector = new Float32Array(random.pick([0, 3, 100, 800])).fill(number)
  const metadata = random.chance(0.5) ? new Map([['key', 'x'.repeat(random.below(600))]]) : null
  switch (random.below(10)) {
    case 0:
      return { type: 'delete', id, timestamp }
    case 1:
      return { type: 'update', id, vector, metadata, timestamp }
    case 2:
      return { type: 'batch', entries: [{ type: 'delete', id, timestamp }], timestamp }
    case 3:
      return { type: 'checkpoint', sequenceNumber: BigInt(number), timestamp }
    case 4:
    case 5:
      return { type: 'beginTransaction', transactionId, timestamp }
    case 6:
      return { type: 'commitTransaction', transactionId, timestamp }
    case 7:
      return { type: 'abortTransaction', transactionId, timestamp }
    default:
      return { type: 'insert', id, vector, metadata, timestamp }
  }
}
