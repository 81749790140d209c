/** For tests of writing: segments filled to the byte, what is in them, a log that can fail. */
import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import type { TestContext } from 'node:test'
import type { DiskFile } from '../../../src/disk/disk.ts'
import { type Wal, WalError, type WalOptions } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { customOf, insert } from '../../support/logs.ts'
import {
  type FailingLog,
  type FoundFrame,
  failingLog,
  framesOn,
  headerOn,
  segmentAt,
  settled,
} from '../../support/simulated-log.ts'

/** Kept free behind the last record of a segment: two promises, each at the start of a sector. */
export const PROMISE_ROOM = 2 * (512 + 40)

/**
 * A frame of the kind `large` takes so many bytes more than its data, up to one piece of the
 * checksum.
 */
export const CUSTOM_OVERHEAD = 40 + 8 + 'large'.length

/** What is written in a segment, frame by frame: number, promise and place. */
export const layout = (frames: readonly FoundFrame[]): number[][] =>
  frames.map(({ seq, durableBefore, at }) => [seq, durableBefore, at])

/** A segment goes on under the path by which it was made, which was its temporary one. */
export const operationsOf = (disk: SimulatedDisk, from: number): string[] =>
  disk.ops.slice(from).map(({ kind, path }) => `${kind} ${basename(path, '.tmp')}`)

/** Data of a custom entry whose frame has so many bytes: at most one piece of the checksum. */
export const customFrame = (bytes: number): ReturnType<typeof customOf> => customOf(bytes - CUSTOM_OVERHEAD)

/**
 * Fills the active segment, byte for byte, with frames of `data`, until so many bytes are free
 * behind the last.
 */
export async function fillUntil(wal: Wal, disk: SimulatedDisk, free: number): Promise<void> {
  const number = wal.stats().segments
  const { capacity } = await headerOn(disk, number)
  const last = (await framesOn(disk, number)).at(-1)
  let at = last ? last.at + last.bytes : 1024
  while (capacity - free - at >= 8 * KIB) {
    await wal.append(customFrame(4 * KIB))
    at += 4 * KIB
  }
  await wal.append(customFrame(capacity - free - at))
}

/** Notes the calls by which the first segment is written and synced. */
export class NotingDisk extends SimulatedDisk {
  calls: string[] = []

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const file = await super.open(path, mode)
    if (!path.startsWith(segmentAt(1))) return file
    const noted = (name: 'write' | 'writeSynced' | 'sync'): object => {
      const call = file[name]!.bind(file) as (...args: unknown[]) => Promise<unknown>
      return {
        [name]: (...args: unknown[]) => {
          this.calls.push(name)
          return call(...args)
        },
      }
    }
    return Object.assign(file, noted('write'), noted('writeSynced'), noted('sync'))
  }
}

/** Lets so many milliseconds of rest pass. */
export async function rest(t: TestContext, ms: number): Promise<void> {
  await settled()
  t.mock.timers.tick(ms)
  await settled()
}

const KIB = 1024

/** A log with one record, on a disk that can be made to fail and to wait. */
export async function logWithOne(options: Partial<WalOptions> = {}): Promise<FailingLog> {
  const log = await failingLog(options)
  await log.wal.append(insert('one', []))
  await settled()
  return log
}

export const rejectionOf = async (promise: Promise<unknown>): Promise<WalError> => {
  const error = await promise.then(
    () => assert.fail('it resolved'),
    (reason) => reason,
  )
  assert.ok(error instanceof WalError, String(error))
  return error
}
