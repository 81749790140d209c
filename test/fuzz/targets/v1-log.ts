import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WalErrorCode } from '../../../src/errors.ts'
import type { Random } from '../../../src/testing/random.ts'
import { V1_FRAME_BYTES, V1_HEADER_BYTES } from '../../../src/v1/format/segment.ts'
import { readV1Directory, type V1Item } from '../../../src/v1/read/reader.ts'
import { recoverV1 } from '../../../src/v1/recover/recover.ts'
import { collect, FIXTURES, fixtureNames } from '../../v1/helpers.ts'
import { fileParts, mutateFiles, pack, unpack } from '../files.ts'
import { MeteredDisk } from '../metered-disk.ts'
import { edge, MAX_INPUT_BYTES, mutateBytes, writeInteger } from '../mutate-bytes.ts'
import { orCode, type Target, Words } from '../target.ts'

const DIRECTORY = '/log'
/**
 * A file is read, looked through for repeated headers, and once more where one stands in a record.
 */
const READ_TIMES = 4
const WINDOW_BYTES = 1024 * 1024

/** A directory of v1, read and recovered. */
export const v1Log: Target = {
  name: 'v1-log',
  seeds: async () => fixtureNames.map(packFixture).filter(({ length }) => length <= MAX_INPUT_BYTES),
  mutate: (random, input, other) => mutateFiles(random, input, other, mutateV1Segment),
  parts: fileParts,
  async run(input) {
    const words = new Words()
    const files = unpack(input).map(({ name, bytes }): [string, Buffer] => [join(DIRECTORY, name), bytes])
    const disk = new MeteredDisk([[join(DIRECTORY, 'README'), Buffer.alloc(0)], ...files])
    const { records, items } = await collect(readV1Directory(disk, DIRECTORY))
    note(items, words)
    checkMeter(disk, READ_TIMES)
    const salvaged = await recover(disk, 'salvage', words)
    assert.ok(
      salvaged !== undefined && salvaged.length <= records.length,
      'a recovery has no record that is not there',
    )
    const strict = await recover(disk, 'strict', words)
    if (strict) assert.deepEqual(strict, salvaged)
    checkMeter(disk, 5 * READ_TIMES)
    return words
  },
}

export function packFixture(name: string): Buffer {
  const folder = join(FIXTURES, name)
  return pack(
    readdirSync(folder)
      .toSorted()
      .map((file) => ({ name: file, bytes: readFileSync(join(folder, file)), sealed: false })),
  )
}

export function mutateV1Segment(random: Random, bytes: Buffer, donor: Buffer): Buffer {
  if (random.chance(0.4)) return mutateBytes(random, bytes, donor)
  const frames = framesOf(bytes)
  const lent = framesOf(donor)
  const at = random.below(frames.length)
  const chance = random.below(6)
  if (chance === 0) frames.splice(at, 1)
  else if (chance === 1 && lent.length > 0) frames.splice(at, 0, random.pick(lent))
  else if (chance === 2) frames.splice(random.below(frames.length + 1), 0, bytes.subarray(0, V1_HEADER_BYTES))
  else if (chance === 3) frames.splice(random.below(frames.length + 1), 0, ...frames.splice(at, 1))
  else if (frames.length > 0) frames[at] = changedFrame(random, frames[at]!, donor)
  return Buffer.concat([bytes.subarray(0, V1_HEADER_BYTES), ...frames])
}

function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = V1_HEADER_BYTES; at + V1_FRAME_BYTES <= bytes.length; ) {
    const end = Math.min(bytes.length, at + V1_FRAME_BYTES + bytes.readUInt32LE(at + 8))
    frames.push(Buffer.from(bytes.subarray(at, end)))
    at = end
  }
  return frames
}

/** Another number or another payload; the length tells the truth, more often than not. */
function changedFrame(random: Random, frame: Buffer, donor: Buffer): Buffer {
  if (random.chance(0.4)) {
    const changed = Buffer.from(frame)
    writeInteger(changed, 0, 8, random.chance(0.7) ? BigInt(random.below(8)) : edge(random, 8))
    return changed
  }
  const payload = mutateBytes(random, frame.subarray(V1_FRAME_BYTES), donor)
  const changed = Buffer.concat([frame.subarray(0, V1_FRAME_BYTES), payload])
  if (changed.length >= V1_FRAME_BYTES && random.chance(0.9)) changed.writeUInt32LE(payload.length, 8)
  return changed
}

async function recover(
  disk: MeteredDisk,
  policy: 'strict' | 'salvage',
  words: Words,
): Promise<string[] | undefined> {
  const refusals: readonly WalErrorCode[] = policy === 'strict' ? ['WALV_DAMAGED'] : []
  const found = await orCode(refusals, () => collect(recoverV1(disk, DIRECTORY, { policy })))
  if (typeof found === 'string') {
    words.add(policy, found)
    return undefined
  }
  words.add(policy, found.records.length > 0, found.damages.length > 0)
  return found.records.map(({ seq, file, offset }) => `${seq} ${file} ${offset}`)
}

/** Every record and every damage is at a place of its own, in order within a file. */
function note(items: readonly V1Item[], words: Words): void {
  for (const { record, damage } of items) {
    if (record) {
      words.add(record.entry.type, record.trailingBytes > 0)
      continue
    }
    const { kind, offset, bytes, acknowledged, seqs, ids, detail } = damage
    assert.ok(offset >= 0 && bytes >= 0 && detail.length > 0)
    for (const { from, through } of seqs)
      assert.ok(through === null || from <= through, `${from} to ${through} are lost`)
    words.add(kind, acknowledged, seqs.length > 0, ids.length > 0, detail)
  }
}

function checkMeter(disk: MeteredDisk, times: number): void {
  assert.equal(disk.refused, 0, 'something was to be written')
  assert.equal(disk.openFiles, 0, 'files are left open')
  assert.ok(disk.largestExcess <= 0, `${disk.largestExcess} bytes more than a file has were asked for`)
  assert.ok(
    disk.bytesRead <= times * (disk.totalBytes + WINDOW_BYTES),
    `${disk.bytesRead} bytes of ${disk.totalBytes}`,
  )
}
