import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { V1Entry } from '../../../src/v1/format/entry.ts'
import { namesOn, pictureOf, putFile, refusal, type WalError } from '../../support/kit.ts'
import { frame, insert, nth, segment } from '../helpers.ts'
import { marker, toV1, toV2, V1, V2, v1Log } from './converted.ts'

test('a target that holds anything is refused and left as it is; an empty one is taken', async () => {
  const disk = await v1Log(segment(frame(0)))
  await putFile(disk, `${V2}/mine`, Buffer.from('mine'))
  const before = await pictureOf(disk, '/data')
  for (const work of [toV2(disk), toV1(disk, { from: V1, to: V2 })])
    await assert.rejects(work, (error: WalError) => {
      assert.deepEqual(
        [error.file, error.message],
        [V2, '/data/v2 is not empty. Convert into a new directory.'],
      )
      return refusal('WALV_INVALID_OPTION')(error)
    })
  assert.deepEqual(await pictureOf(disk, '/data'), before)
  await disk.remove(`${V2}/mine`)
  await toV2(disk)
})

test('a target that is a file, or cannot be looked into, is refused', async () => {
  const disk = await v1Log(segment(frame(0)))
  await putFile(disk, V2, Buffer.from('file'))
  await assert.rejects(toV2(disk), refusal('WALV_NOT_A_DIRECTORY'))
  disk.onOperation = ({ kind, path }) => (kind === 'list' && path === V2 ? { code: 'EACCES' } : undefined)
  await assert.rejects(toV2(disk), refusal('WALV_PERMISSION'))
})

test('a directory that was there before a conversion that fails is there after it, empty', async () => {
  const disk = await v1Log(segment(frame(0)))
  await disk.makeDirectory(V2)
  disk.onOperation = ({ kind, path }) =>
    kind === 'sync' && path.startsWith(V2) ? { code: 'EIO' } : undefined
  await assert.rejects(toV2(disk))
  assert.deepEqual(await namesOn(disk, V2), [])
})

test('whatever operation fails, a conversion leaves all or nothing, and its source is as it was', async () => {
  for (const convert of [toV2, toV1]) {
    const prepared = await v1Log(segment(frame(0), frame(1, marker('beginTransaction', 1n)), frame(2)))
    if (convert === toV1) await toV2(prepared)
    const target = convert === toV1 ? 'back' : 'v2'
    const before = await pictureOf(prepared, '/data')
    const probe = prepared.kill()
    await convert(probe)
    for (const { number, kind, path } of probe.ops) {
      const disk = prepared.kill()
      disk.onOperation = (operation) => (operation.number === number ? { code: 'EIO' } : undefined)
      const done = await convert(disk).then(
        () => true,
        () => false,
      )
      disk.onOperation = undefined
      const after = await pictureOf(disk, '/data')
      const about = `${kind} ${path}`
      assert.deepEqual(
        after.filter(([name]) => !name.startsWith(`/data/${target}`)),
        before,
        about,
      )
      if (done || kind === 'remove') continue
      assert.deepEqual(
        after.filter(([name]) => name.startsWith(`/data/${target}`)),
        [],
        about,
      )
    }
  }
})

test('an abort ends a conversion, and nothing is left', async () => {
  const disk = await v1Log(segment(frame(0)))
  await assert.rejects(toV2(disk, { signal: AbortSignal.abort() }), refusal('WALV_ABORTED'))
  await toV2(disk)
  await assert.rejects(toV1(disk, { signal: AbortSignal.abort() }), (error: WalError) => {
    assert.match(error.message, /^Opening the log was aborted/)
    return refusal('WALV_ABORTED')(error)
  })
  const controller = new AbortController()
  const during = toV1(disk, { signal: controller.signal, onProgress: () => controller.abort() })
  assert.equal((await during).records, 1, 'what is done is done')
  assert.deepEqual(await namesOn(disk, '/data'), ['back', 'v1', 'v2'])
})

test('an abort in the midst of a conversion to v1 ends it, and nothing is left', async () => {
  const vector = new Float32Array(200_000)
  const large = Array.from({ length: 8 }, (_, seq) => frame(seq, { ...insert(`${seq}`), vector } as V1Entry))
  const disk = await v1Log(segment(...large))
  await toV2(disk)
  const controller = new AbortController()
  await assert.rejects(
    toV1(disk, { signal: controller.signal, onProgress: () => controller.abort() }),
    refusal('WALV_ABORTED'),
  )
  assert.deepEqual(await namesOn(disk, '/data'), ['v1', 'v2'])
})

test('a disk that fails in a conversion is told with where it was to go', async () => {
  const disk = await v1Log(segment(0))
  disk.onOperation = ({ kind, path }) =>
    kind === 'rename' && path === `${V2}.walv-converting` ? { code: 'EIO' } : undefined
  await assert.rejects(toV2(disk), (error: WalError) => {
    assert.match(error.message, /^The log could not be converted into \/data\/v2\b/)
    assert.equal(error.file, V2)
    return refusal('WALV_IO')(error)
  })
})

test('a log that would not come back as it was is refused, and nothing of it is left', async () => {
  const disk = await v1Log(segment(frame(0), frame(1)))
  await putFile(disk, `/data/other/${nth(1)}`, segment(frame(0), frame(2)))
  await toV2(disk, { from: '/data/other', to: '/data/changed' })
  // Between writing and proving, another log takes the place of the one that was written.
  disk.onOperation = ({ kind, path }) => {
    const name = 'segment-0000000001.walv'
    if (kind === 'unlock' && path.startsWith(V2))
      void disk.rename(`/data/changed/${name}`, join(dirname(path), name))
    return undefined
  }
  await assert.rejects(toV2(disk), (error: WalError) => {
    assert.match(
      error.message,
      /^Converting .* back would not give the same records\. Do not use it, and please report this\.$/,
    )
    assert.equal(error.file, `${V2}.walv-converting`)
    return refusal('WALV_INVALID_FILE')(error)
  })
  assert.deepEqual(await namesOn(disk, '/data'), ['changed', 'other', 'v1'])
})
