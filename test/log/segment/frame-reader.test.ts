import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FrameHeader, frameBytes } from '../../../src/format/frame.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { FrameReader, isZero } from '../../../src/log/segment/frame-reader.ts'
import { type DiskFile, errno, frameOfEntry, move, placed, watermarkOf } from '../../support/kit.ts'

const MIB = 1024 * 1024
const SEED = 7

/**
 * A file of this content, which notes what is read of it; reads of the sectors that are told fail.
 */
function fileOf(
  content: Buffer,
  unreadable: readonly number[] = [],
): { file: DiskFile; reads: [number, number][] } {
  const reads: [number, number][] = []
  const file = {
    read: async (buffer: Uint8Array, position: number) => {
      reads.push([position, buffer.length])
      const end = position + buffer.length
      if (unreadable.some((sector) => sector * 512 < end && sector * 512 + 512 > position)) throw errno('EIO')
      return content.copy(buffer, 0, position)
    },
    size: async () => content.length,
  } as unknown as DiskFile
  return { file, reads }
}

const reading = (file: DiskFile, start: number, bytes: number, tolerateUnreadable = false): FrameReader =>
  new FrameReader(file, { codec: new SegmentCodec(SEED), bytes, tolerateUnreadable }, start)

const windowOn = (content: Buffer, limit = content.length): FrameReader =>
  reading(fileOf(content).file, 0, limit)

/** A frame of so many bytes in all. */
function frame(seq: number, bytes: number): Buffer {
  let length = bytes - 49
  while (frameBytes(9 + length) > bytes) length--
  const content = frameOfEntry({ type: 'custom', kind: 'k', data: Buffer.alloc(length, 1) }, { seq }, SEED)
  assert.equal(content.length, bytes)
  return content
}

/** What stands at the window's position, read if need be. */
async function stepOf(window: FrameReader): Promise<NonNullable<ReturnType<FrameReader['step']>>> {
  for (;;) {
    const step = window.step()
    if (step) return step
    await window.fill()
  }
}

/** Frames and what stands between them, from the beginning of a file. */
const together = (pieces: readonly Buffer[]): Buffer => placed(pieces, 0)

const any = (): boolean => true

test('frames come one after the other, up to the end', async () => {
  const window = windowOn(together([frame(0, 64), frame(1, 72), frame(2, 200)]))
  assert.equal(window.step(), undefined, 'nothing is in memory yet')
  const found: number[][] = []
  for (;;) {
    const step = await stepOf(window)
    if (step.kind !== 'frame') {
      assert.deepEqual(step, { kind: 'end' })
      break
    }
    assert.equal(window.memory.bytes.readUInt32LE(step.at + 8), step.header.seq)
    found.push([step.header.seq, step.bytes, window.offset])
    window.advance(step.bytes)
  }
  assert.deepEqual(found, [
    [0, 64, 0],
    [1, 72, 64],
    [2, 200, 136],
  ])
  assert.equal(window.offset, 336)
})

test('a window begins where it is told to, and looks at nothing from its limit on', async () => {
  const content = together([Buffer.alloc(1024, 9), frame(0, 64), frame(1, 64)])
  const { file, reads } = fileOf(content)
  const window = reading(file, 1024, 1024 + 64)
  const step = await stepOf(window)
  assert.ok(step.kind === 'frame' && step.header.seq === 0 && window.offset === 1024)
  window.advance(step.bytes)
  assert.deepEqual([await stepOf(window), reads], [{ kind: 'end' }, [[1024, 64]]])
})

test('fewer than 40 bytes are the end, 40 are looked at', async () => {
  for (const [bytes, kind] of [
    [0, 'end'],
    [39, 'end'],
    [40, 'no-frame'],
  ] as const)
    assert.equal((await stepOf(windowOn(Buffer.alloc(bytes, 1)))).kind, kind)
})

test('a frame whose content does not match is told apart from bytes that are no frame', async () => {
  const content = together([frame(5, 64), Buffer.alloc(64)])
  content[50]! ^= 1
  const step = await stepOf(windowOn(content))
  assert.ok(step.kind === 'bad-payload')
  assert.deepEqual([step.header.seq, step.at, step.bytes], [5, 0, 64])
  content[8]! ^= 1
  assert.deepEqual(await stepOf(windowOn(content)), { kind: 'no-frame' })
})

test('a frame that reaches beyond the limit is none, and takes no memory', async () => {
  const content = frame(0, 5 * MIB)
  for (const limit of [5 * MIB - 8, 4096, 40]) {
    const window = windowOn(content.subarray(0, limit))
    assert.deepEqual(await stepOf(window), { kind: 'no-frame' })
    assert.equal(window.memory.bytes.length, MIB + 64 * 1024)
  }
  assert.equal((await stepOf(windowOn(content))).kind, 'frame')
})

test('nor does one of which only the header is in memory while the next frame is looked for', async () => {
  const large = frame(0, 5 * MIB)
  const window = windowOn(together([Buffer.alloc(MIB - 40, 1), large]).subarray(0, 1.5 * MIB))
  await window.fill()
  assert.equal(await window.resync(any), true)
  assert.ok(window.memory.bytes.length <= MIB + 64 * 1024)
  assert.deepEqual([await stepOf(window), window.offset], [{ kind: 'end' }, 1.5 * MIB])
})

test('a file that ends before its limit ends there', async () => {
  const content = together([frame(0, 64), frame(1, 64)])
  const window = windowOn(content.subarray(0, 100), 128)
  const first = await stepOf(window)
  assert.equal(first.kind, 'frame')
  window.advance(64)
  assert.deepEqual(await stepOf(window), { kind: 'end' }, 'what is left has no room for a header')
  const cut = windowOn(frame(0, 200).subarray(0, 150), 200)
  assert.deepEqual(await stepOf(cut), { kind: 'no-frame' })
})

test('memory is 1 MiB and 64 KiB, or the largest frame', async () => {
  assert.equal(windowOn(Buffer.alloc(8)).memory.bytes.length, MIB + 64 * 1024)
  const small = windowOn(together([frame(0, MIB), frame(1, MIB), frame(2, 64)]))
  for (let seq = 0; seq < 3; seq++) {
    const step = await stepOf(small)
    assert.ok(step.kind === 'frame' && step.header.seq === seq)
    assert.equal(small.memory.bytes.length, MIB + 64 * 1024)
    small.advance(step.bytes)
  }
  const large = windowOn(together([frame(0, 64), frame(1, 3 * MIB), frame(2, 64)]))
  for (let seq = 0; seq < 3; seq++) {
    const step = await stepOf(large)
    assert.ok(step.kind === 'frame' && step.header.seq === seq)
    if (seq === 1) assert.equal(large.memory.bytes.length, 3 * MIB)
    large.advance(step.bytes)
  }
  assert.equal(large.memory.bytes.length, MIB + 64 * 1024, 'and no longer than it takes')
})

test('what follows is read while what is there is looked at; an error of that is told to who gets there', async () => {
  const content = together(Array.from({ length: 40 }, (_, seq) => frame(seq, 64 * 1024)))
  const { file, reads } = fileOf(content, [(MIB + 512) / 512])
  const window = reading(file, 0, content.length)
  for (let seq = 0; seq < 16; seq++) {
    const step = await stepOf(window)
    assert.ok(step.kind === 'frame' && step.header.seq === seq)
    assert.deepEqual(reads, [
      [0, MIB],
      [MIB, MIB],
    ])
    window.advance(step.bytes)
  }
  await assert.rejects(stepOf(window), { code: 'EIO' })
})

test('a frame that straddles two pieces is put together, however much of it is in the first', async () => {
  for (const first of [40, 48, 64 * 1024 - 8, 64 * 1024, 64 * 1024 + 8, 100 * 1024, MIB - 64]) {
    const content = together([frame(0, MIB - first), frame(1, 200 * 1024), frame(2, 2 * MIB), frame(3, 64)])
    const window = windowOn(content)
    for (let seq = 0; seq < 4; seq++) {
      const step = await stepOf(window)
      assert.ok(
        step.kind === 'frame' && step.header.seq === seq,
        `${first} bytes, frame ${seq}: ${step.kind}`,
      )
      window.advance(step.bytes)
    }
    assert.deepEqual(await stepOf(window), { kind: 'end' })
  }
})

test('memory of a reader that is done is that of the next, once nobody reads into it', async () => {
  const content = together(Array.from({ length: 50 }, (_, seq) => frame(seq, 64 * 1024)))
  const { file } = fileOf(content)
  const slow: { readonly into: ArrayBufferLike; answer(): void }[] = []
  const first = reading(
    {
      ...file,
      async read(buffer, position) {
        if (position > 0) await new Promise<void>((answer) => slow.push({ into: buffer.buffer, answer }))
        return file.read(buffer, position)
      },
    },
    0,
    content.length,
  )
  const step = await stepOf(first)
  assert.ok(step.kind === 'frame' && slow.length === 1)
  const { memory } = first
  first.release()
  assert.equal(windowOn(content).memory, memory)
  const { into, answer } = slow[0]!
  const isFree = (): boolean => [1, 2, 3, 4].some(() => windowOn(content).memory.bytes.buffer === into)
  assert.equal(isFree(), false)
  answer()
  await new Promise(setImmediate)
  assert.equal(isFree(), true)
})

test('a file is read once, in pieces as large as the window', async () => {
  const content = together(Array.from({ length: 50 }, (_, seq) => frame(seq, 64 * 1024)))
  const { file, reads } = fileOf(content)
  const window = reading(file, 0, content.length)
  const memories = new Set()
  for (let seq = 0; seq < 50; seq++) {
    const step = await stepOf(window)
    assert.ok(step.kind === 'frame' && step.header.seq === seq)
    memories.add(window.memory)
    window.advance(step.bytes)
  }
  assert.equal(memories.size, 2, 'two that take turns')
  assert.deepEqual(
    reads,
    [0, 1, 2, 3].map((piece) => [piece * MIB, Math.min(MIB, content.length - piece * MIB)]),
  )
  const from = reads.length
  await window.fill()
  assert.equal(reads.length, from, 'there is nothing left to read')
})

test('a frame with 64 KiB in the first piece and all of the second is read once too', async () => {
  const content = together([frame(0, MIB - 64 * 1024), frame(1, MIB + 64 * 1024)])
  const { file, reads } = fileOf(content)
  const window = reading(file, 0, content.length)
  for (let seq = 0; seq < 2; seq++) {
    const step = await stepOf(window)
    assert.ok(step.kind === 'frame' && step.header.seq === seq)
    window.advance(step.bytes)
  }
  assert.deepEqual(reads, [
    [0, MIB],
    [MIB, MIB],
  ])
})

test('looking for the next frame finds it at every multiple of 8, also where a window ends in it', async () => {
  for (const edge of [4096, MIB]) {
    for (let at = edge - 56; at <= edge + 16; at += 8) {
      for (const fill of [0, 0xab]) {
        const content = together([Buffer.alloc(at, fill), frame(9, 64), Buffer.alloc(2 * MIB)])
        const window = windowOn(content)
        await window.fill()
        assert.equal(await window.resync(any), fill !== 0, `${at}`)
        assert.equal(window.offset, at)
        const step = await stepOf(window)
        assert.ok(step.kind === 'frame' && step.header.seq === 9)
      }
    }
  }
})

test('it finds a header that ends where the file does', async () => {
  const window = windowOn(together([Buffer.alloc(64, 1), watermarkOf(5, SEED)]))
  await window.fill()
  assert.equal(await window.resync(any), true)
  const step = await stepOf(window)
  assert.ok(step.kind === 'frame' && step.header.seq === 5 && window.offset === 64)
})

test('it looks behind the position, at multiples of 8, for a header that is accepted and a frame that fits', async () => {
  const odd = together([Buffer.alloc(12, 1), frame(1, 64), Buffer.alloc(12, 1)])
  const parts = [
    frame(0, 64),
    odd,
    frame(2, 64),
    frame(3, 64),
    frame(4, 64),
    frame(5, 4096).subarray(0, 2048),
  ]
  const content = together(parts)
  const window = windowOn(content)
  const seen: number[] = []
  const accept = ({ seq }: FrameHeader): boolean => {
    seen.push(seq)
    return seq >= 4
  }
  await window.fill()
  assert.equal(await window.resync(accept), true)
  assert.deepEqual([seen, window.offset], [[2, 3, 4], 64 + 88 + 128])
  seen.length = 0
  assert.equal(await window.resync(accept), true)
  assert.deepEqual([seen, window.offset], [[], content.length], 'to the end')
})

test('a bad frame is found by its header, and searched within when it is looked behind', async () => {
  const bad = frame(1, 64)
  bad[60]! ^= 1
  const within = frame(3, 200)
  move(frame(2, 64), 72 + 80).copy(within, 80)
  const window = windowOn(together([Buffer.alloc(8), bad, within]))
  const places: number[] = []
  await window.fill()
  for (let time = 0; time < 3; time++) {
    await window.resync(any)
    places.push(window.offset)
  }
  assert.deepEqual(places, [8, 72, 152])
})

test('only zeros count as nothing: the position itself included, what is found excluded', async () => {
  const dirtyOf = async (content: Buffer): Promise<boolean> => {
    const window = windowOn(content)
    await window.fill()
    return window.resync(any)
  }
  const zeros = Buffer.alloc(2 * MIB + 80_000)
  assert.equal(await dirtyOf(zeros), false)
  assert.equal(await dirtyOf(together([zeros, frame(0, 64)])), false)
  for (const at of [0, 7, 8, 100_000, MIB - 1, MIB, 2 * MIB, zeros.length - 1]) {
    const spotted = Buffer.from(zeros)
    spotted[at] = 1
    assert.equal(await dirtyOf(spotted), true, `a byte at ${at}`)
    assert.equal(await dirtyOf(together([spotted, frame(0, 64)])), true, `a byte at ${at}, before a frame`)
  }
  assert.equal(await dirtyOf(together([Buffer.alloc(64), frame(0, 64), Buffer.alloc(64, 1)])), false)
})

test('a range of bytes is zero if every byte of it is', () => {
  const bytes = Buffer.alloc(200_000)
  for (const at of [10, 65_545, 65_546, 131_081, 199_999]) {
    bytes[at] = 1
    assert.deepEqual(
      [
        isZero(bytes, 10, 200_000),
        isZero(bytes, at, at + 1),
        isZero(bytes, at + 1, 200_000),
        isZero(bytes, 0, at),
      ],
      [false, false, true, true],
      String(at),
    )
    bytes[at] = 0
  }
  assert.equal(isZero(bytes, 5, 5), true)
})

test('sectors that cannot be read are an error, or are passed and remembered', async () => {
  const content = Buffer.alloc(8192)
  await assert.rejects(reading(fileOf(content, [3]).file, 0, 8192).fill(), {
    code: 'EIO',
  })
  const window = reading(fileOf(content, [3, 9]).file, 0, 8192, true)
  assert.equal(window.metUnreadable, false)
  await window.fill()
  assert.equal(window.metUnreadable, true)
  for (const [from, to, expected] of [
    [0, 1536, false],
    [0, 1537, true],
    [1535, 1537, true],
    [2047, 2048, true],
    [2048, 4608, false],
    [2048, 8192, true],
    [5120, 8192, false],
  ] as const)
    assert.equal(window.isUnreadable(from, to), expected, `${from} to ${to}`)
  const whole = reading(fileOf(content).file, 0, 8192, true)
  await whole.fill()
  assert.deepEqual([whole.metUnreadable, whole.isUnreadable(0, 8192)], [false, false])
})

test('a frame that verifies under another seed is none here', async () => {
  const foreign = frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, 8)
  const window = windowOn(together([foreign, foreign]))
  assert.deepEqual(await stepOf(window), { kind: 'no-frame' })
  assert.equal(await window.resync(any), true)
  assert.equal(window.offset, 112)
})
