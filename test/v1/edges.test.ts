import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { convertToV1 } from '../../src/v1/convert/to-v1.ts'
import { convertToV2 } from '../../src/v1/convert/to-v2.ts'
import { directoryError, diskError } from '../../src/v1/disk-error.ts'
import { recoverV1 } from '../../src/v1/recover/recover.ts'
import { V1Writer } from '../../src/v1/writer.ts'
import {
  contentOf,
  errno,
  namesOn,
  putFile,
  refusal,
  SimulatedDisk,
  temporaryDirectory,
  WalError,
  type WalErrorCode,
} from '../support/kit.ts'
import { collect, frame, header, nth, rawFrame, segment } from './helpers.ts'

const V1 = '/data/v1'

test('without a disk of its own a conversion is made on that of the system', async (t) => {
  const folder = await temporaryDirectory(t)
  const [from, to, back] = ['v1', 'v2', 'back'].map((name) => join(folder, name)) as [string, string, string]
  await mkdir(from)
  await writeFile(join(from, nth(1)), segment(0, 1))
  assert.equal((await convertToV2({ from, to })).records, 2)
  assert.equal((await convertToV1({ from: to, to: back })).records, 2)
})

test('a refusal of one damage names it, one of several says how many more there are', async () => {
  for (const [content, more] of [
    [segment(0, rawFrame(1, Buffer.from([99])), 2), ''],
    [
      segment(0, rawFrame(1, Buffer.from([99])), 2, rawFrame(3, Buffer.from([99])), 4),
      ' 1 more, see detail.',
    ],
  ] as const) {
    const disk = new SimulatedDisk()
    await putFile(disk, `${V1}/${nth(1)}`, content)
    await assert.rejects(collect(recoverV1(disk, V1)), (error: WalError) => {
      const start = `The v1 log in ${V1} is damaged: ${nth(1)} at offset ${header().length + frame(0).length}: `
      assert.ok(error.message.startsWith(start), error.message)
      assert.ok(error.message.endsWith(`.${more} Policy 'salvage' recovers what can be read.`), error.message)
      assert.equal((error.detail as unknown[]).length, more === '' ? 1 : 2)
      assert.equal(error.message.includes('see detail'), more !== '')
      return refusal('WALV_DAMAGED')(error)
    })
  }
})

const ERRORS: readonly [string | undefined, WalErrorCode, WalErrorCode][] = [
  ['EACCES', 'WALV_PERMISSION', 'WALV_PERMISSION'],
  ['EPERM', 'WALV_PERMISSION', 'WALV_PERMISSION'],
  ['EROFS', 'WALV_PERMISSION', 'WALV_PERMISSION'],
  ['ENOSPC', 'WALV_DISK_FULL', 'WALV_DISK_FULL'],
  ['EDQUOT', 'WALV_DISK_FULL', 'WALV_DISK_FULL'],
  ['EIO', 'WALV_IO', 'WALV_IO'],
  ['ENOENT', 'WALV_IO', 'WALV_NO_DIRECTORY'],
  ['ENOTDIR', 'WALV_IO', 'WALV_NOT_A_DIRECTORY'],
  [undefined, 'WALV_IO', 'WALV_IO'],
]

for (const [code, ofFile, ofDirectory] of ERRORS) {
  test(`${code ?? 'an error without a code'} of a file is ${ofFile}, of the directory ${ofDirectory}, with the path and the cause`, () => {
    const cause = code === undefined ? new Error('unplugged') : errno(code)
    const [file, directory] = [diskError(cause, 'Reading', '/a'), directoryError(cause, '/d')]
    assert.deepEqual([file.code, file.file, file.cause], [ofFile, '/a', cause])
    assert.equal(file.message, `Reading /a failed: ${cause.message}.`)
    assert.deepEqual([directory.code, directory.file, directory.cause], [ofDirectory, '/d', cause])
    if (ofDirectory === ofFile)
      assert.equal(directory.message, `Using the directory /d failed: ${cause.message}.`)
  })
}

test('what is no directory of a log is refused with what to give, and errors of ours are passed on', () => {
  assert.equal(directoryError(errno('ENOENT'), '/d').message, 'There is no directory /d. Check the path.')
  assert.equal(
    directoryError(errno('ENOTDIR'), '/d').message,
    "/d is not a directory. Give the directory that holds the log's files.",
  )
  const ours = new WalError('WALV_LIMIT', 'too much')
  assert.equal(diskError(ours, 'Reading', '/a'), ours)
  assert.equal(directoryError(ours, '/d'), ours)
})

test('payloads are written in their order wherever the buffer of 1 MiB is full: before a frame, in its header or behind it', async () => {
  const buffer = 1024 * 1024
  const start = header().length
  for (const first of [
    buffer - start - 12,
    buffer - start - 13,
    buffer - start - 18,
    buffer - start - 24,
    buffer,
    buffer + 1,
  ]) {
    const disk = new SimulatedDisk()
    await disk.makeDirectory('/data')
    const writer = await V1Writer.create(disk, V1)
    const payloads = [Buffer.alloc(first, 1), Buffer.alloc(5, 2), Buffer.alloc(700_000, 3), Buffer.alloc(0)]
    for (const [seq, payload] of payloads.entries()) await writer.writeFrame(BigInt(seq), payload)
    await writer.close()
    const [name] = await namesOn(disk, V1)
    const content = await contentOf(disk, `${V1}/${name}`)
    const expected = Buffer.concat([
      content.subarray(0, start),
      ...payloads.map((payload, seq) => rawFrame(seq, payload)),
    ])
    assert.ok(content.equals(expected), `a first payload of ${first} bytes`)
  }
})
