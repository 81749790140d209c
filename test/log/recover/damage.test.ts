import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../../src/format/byte-buffer.ts'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { readableId } from '../../../src/format/readable-id.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { damageIn } from '../../../src/log/damage.ts'
import { damageOf } from '../../../src/log/recover/damage.ts'
import type { Anomaly } from '../../../src/log/segment/segment-scan.ts'
import { frameOfEntry, frameOfPayload, type WalEntry } from '../../support/kit.ts'

const anomaly = (fields: Partial<Anomaly>): Anomaly => ({
  kind: 'corrupt',
  file: 'segment-0000000001.walv',
  segment: 1,
  offset: 4096,
  bytes: 512,
  lostFrom: 5,
  lostThrough: 7,
  ids: [],
  reason: 'it is bad',
  ...fields,
})

const PLACE = 'segment-0000000001.walv at offset 4096'
const BASE = { file: 'segment-0000000001.walv', offset: 4096, bytes: 512, ids: [] }
const TRY_AGAIN =
  'It may be readable later: open again, and copy the directory to another disk, before anything else.'

test('promised records that are gone are a loss, named one by one or as a range, no further than the log goes', () => {
  for (const [lostThrough, endSeq, through, what] of [
    [7, 20, 7, 'records 5 to 7 are lost'],
    [5, 20, 5, 'record 5 is lost'],
    [7, 7, 6, 'records 5 to 6 are lost'],
    [null, 8, 7, 'records 5 to 7 are lost'],
  ] as const) {
    assert.deepEqual(damageOf(anomaly({ lostThrough }), 6, endSeq), {
      ...BASE,
      kind: 'corrupt',
      acknowledged: true,
      seqs: [{ from: 5, through }],
      detail: `${PLACE}: it is bad; acknowledged ${what}.`,
    })
  }
})

test('ids that can still be read are told with the loss', () => {
  const { ids, detail } = damageOf(anomaly({ ids: ['a', 'b"'] }), 6, 20)
  assert.deepEqual(ids, ['a', 'b"'])
  assert.equal(
    detail,
    `${PLACE}: it is bad; acknowledged records 5 to 7 are lost (as far as readable: "a", "b\\"").`,
  )
})

test('a place that lost no record is told as that', () => {
  assert.deepEqual(damageOf(anomaly({ lostThrough: 4 }), 6, 20), {
    ...BASE,
    kind: 'corrupt',
    acknowledged: false,
    seqs: [],
    detail: `${PLACE}: it is bad; no record is lost.`,
  })
})

test('what no promise covers is a torn tail', () => {
  for (const lostThrough of [7, null])
    assert.deepEqual(damageOf(anomaly({ lostThrough }), 5, 5), {
      ...BASE,
      kind: 'torn-tail',
      acknowledged: false,
      seqs: [],
      detail: `${PLACE}: the log was cut short while it was written, from record 5 on. Nothing promised to be durable is lost.`,
    })
})

test('a place that cannot be read may hold records that nothing promised: that is not known to be a torn tail', () => {
  assert.deepEqual(damageOf(anomaly({ kind: 'unreadable', lostThrough: null }), 5, 5), {
    ...BASE,
    kind: 'unreadable',
    acknowledged: null,
    seqs: [],
    detail: `${PLACE}: it is bad. It may hold records from 5 on. ${TRY_AGAIN}`,
  })
  assert.equal(damageOf(anomaly({ kind: 'unreadable', lostThrough: 4 }), 5, 5).acknowledged, false)
})

test('a place that cannot be read and held promised records is a loss, for now, and may hold more', () => {
  const detailOf = (lostThrough: number | null): string =>
    damageOf(anomaly({ kind: 'unreadable', lostThrough }), 8, 8).detail
  const lost = `${PLACE}: it is bad; acknowledged records 5 to 7 are lost.`
  assert.equal(detailOf(7), `${lost} ${TRY_AGAIN}`)
  assert.equal(detailOf(null), `${lost} It may hold records from 8 on, too. ${TRY_AGAIN}`)
  assert.equal(detailOf(8), `${lost} It may hold records from 8 on, too. ${TRY_AGAIN}`)
})

test('damage of a file is that of all of it', () => {
  assert.deepEqual(
    damageIn({ kind: 'foreign', file: 'f', bytes: 7, acknowledged: null, detail: 'It is foreign.' }),
    {
      kind: 'foreign',
      file: 'f',
      offset: 0,
      bytes: 7,
      acknowledged: null,
      seqs: [],
      ids: [],
      detail: 'It is foreign.',
    },
  )
})

/** What can be read of the id in a frame, whatever became of its payload. */
function idIn(frame: Buffer, change: (frame: Buffer) => unknown = () => {}): string[] {
  const memory = byteBuffer(64 + frame.length)
  frame.copy(memory.bytes, 64)
  const header = new SegmentCodec(0).readHeader(memory, 64, 0)!
  change(memory.bytes.subarray(64))
  return readableId(memory, 64, header)
}

const ENTRIES: WalEntry[] = [
  { type: 'insert', id: 'an id', vector: Float32Array.of(1, 2, 3), metadata: { n: 1 } },
  { type: 'update', id: 'an id', metadata: null },
  { type: 'delete', id: 'an id' },
]

test('the id is read where the lengths of its record still fit together, in a transaction too', () => {
  for (const entry of ENTRIES) {
    assert.deepEqual(idIn(frameOfEntry(entry, { seq: 0 })), ['an id'])
    assert.deepEqual(idIn(frameOfEntry(entry, { seq: 0, transactionId: 3 })), ['an id'])
    for (const [at, what] of [
      [0, 'metadata bytes'],
      [4, 'id bytes'],
      [6, 'dimensions'],
    ] as const)
      assert.deepEqual(
        idIn(frameOfEntry(entry, { seq: 0 }), (frame) => frame.writeUInt16LE(7777, 40 + at)),
        [],
        what,
      )
  }
})

test('other records have no id, nor has one that is too short for it, or empty', () => {
  assert.deepEqual(
    idIn(frameOfEntry({ type: 'custom', kind: 'k', data: new Uint8Array(20) }, { seq: 0 })),
    [],
  )
  assert.deepEqual(
    idIn(frameOfEntry({ type: 'batch', entries: [{ type: 'delete', id: 'a' }] }, { seq: 0 })),
    [],
  )
  const fields = { type: FRAME_TYPES.delete, seq: 0 }
  assert.deepEqual(idIn(frameOfPayload(Buffer.alloc(0), fields)), [])
  assert.deepEqual(idIn(frameOfPayload(Buffer.alloc(11), fields)), [])
  assert.deepEqual(idIn(frameOfPayload(Buffer.alloc(12), fields)), [])
  assert.deepEqual(idIn(frameOfPayload(Buffer.from('00000000010000000000000078', 'hex'), fields)), ['x'])
})

test('a record of another kind has no id, even if its bytes would do for one', () => {
  const payload = Buffer.from('00000000010000000000000078', 'hex')
  assert.deepEqual(idIn(frameOfPayload(payload, { type: FRAME_TYPES.update, seq: 0 })), ['x'])
  for (const type of [FRAME_TYPES.batch, FRAME_TYPES.custom, FRAME_TYPES.checkpoint])
    assert.deepEqual(idIn(frameOfPayload(payload, { type, seq: 0 })), [])
})

test('what is no text, or has control characters, is not taken for an id', () => {
  for (const bytes of ['ff', 'c3', '00', '0a', '1b', '7f', 'c285'])
    assert.deepEqual(
      idIn(frameOfEntry({ type: 'delete', id: 'x'.repeat(bytes.length / 2) }, { seq: 0 }), (frame) =>
        frame.write(bytes, 52, 'hex'),
      ),
      [],
      bytes,
    )
  assert.deepEqual(idIn(frameOfEntry({ type: 'delete', id: 'é·日' }, { seq: 0 })), ['é·日'])
})
