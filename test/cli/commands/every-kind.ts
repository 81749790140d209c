/** A v2 log with a record of every kind, and what `walv log --json` has to print of it. */
import { Wal } from '../../../src/mod.ts'
import type { Json } from './program.ts'

const START = 1_700_000_000_000

/**
 * Signalling NaN, quiet NaN with a payload, −0, a subnormal, the largest number: as bits, and as
 * the base64 of their little-endian bytes.
 */
const BITS = [0x7f80_0001, 0xffc1_2345, 0x8000_0000, 0x0000_0001, 0x7f7f_ffff]
const BASE64 = 'AQCAf0Ujwf8AAACAAQAAAP//f38='

const oddVector = (): Float32Array => new Float32Array(Uint32Array.from(BITS).buffer)

export async function writeEveryKind(directory: string): Promise<void> {
  let seq = 0
  // The time of a record is the number at which its call began.
  await using wal = await Wal.open({ directory, clock: () => START + seq })
  const step = async (work: Promise<unknown>): Promise<void> => {
    await work
    seq = wal.lastSeq + 1
  }
  await step(wal.append({ type: 'insert', id: 'a', vector: oddVector() }))
  await step(
    wal.append({
      type: 'insert',
      id: '日本 "\n',
      vector: [],
      metadata: { __proto__x: [1, 'é', null], n: -0.5 },
      replace: true,
    }),
  )
  await step(wal.append({ type: 'update', id: 'a', metadata: null }))
  await step(wal.append({ type: 'update', id: 'a', vector: [1], metadata: 'text' }))
  await step(wal.append({ type: 'delete', id: 'a' }))
  await step(wal.append({ type: 'custom', kind: 'mine', data: Uint8Array.of(0, 255) }))
  await step(
    wal.appendBatch([
      { type: 'insert', id: 'b', vector: [1] },
      {
        type: 'batch',
        entries: [
          { type: 'delete', id: 'b' },
          { type: 'custom', kind: 'k', data: new Uint8Array() },
        ],
      },
    ]),
  )
  const committed = wal.begin()
  committed.insert('c', [2])
  committed.update('c', { metadata: {} })
  await step(committed.commit())
  const aborted = wal.begin()
  aborted.delete('c')
  await step(aborted.abort())
  const prepared = wal.begin()
  prepared.delete('c')
  await step(prepared.prepare())
  await wal.checkpoint({
    seq: 4,
    snapshot: async (files) => {
      await files.write('state', [Buffer.from('hello')])
      return { mine: true }
    },
  })
}

const VECTOR_1 = 'AACAPw=='
const VECTOR_2 = 'AAAAQA=='

const members: Json[] = [
  { type: 'insert', id: 'a', vector: BASE64, metadata: null },
  {
    type: 'insert',
    id: '日本 "\n',
    vector: '',
    metadata: { __proto__x: [1, 'é', null], n: -0.5 },
    replace: true,
  },
  { type: 'update', id: 'a', metadata: null },
  { type: 'update', id: 'a', vector: VECTOR_1, metadata: 'text' },
  { type: 'delete', id: 'a' },
  { type: 'custom', kind: 'mine', data: 'AP8=' },
  {
    type: 'batch',
    entries: [
      { type: 'insert', id: 'b', vector: VECTOR_1, metadata: null },
      {
        type: 'batch',
        entries: [
          { type: 'delete', id: 'b' },
          { type: 'custom', kind: 'k', data: '' },
        ],
      },
    ],
  },
  { type: 'beginTransaction', transactionId: '7' },
  { type: 'insert', id: 'c', vector: VECTOR_2, metadata: null, transactionId: '7' },
  { type: 'update', id: 'c', metadata: {}, transactionId: '7' },
  { type: 'commitTransaction', transactionId: '7' },
  { type: 'beginTransaction', transactionId: '11' },
  { type: 'delete', id: 'c', transactionId: '11' },
  { type: 'abortTransaction', transactionId: '11' },
  { type: 'beginTransaction', transactionId: '14' },
  { type: 'delete', id: 'c', transactionId: '14' },
  { type: 'prepareTransaction', transactionId: '14' },
  {
    type: 'checkpoint',
    sequenceNumber: '4',
    replayFrom: '5',
    snapshot: {
      name: 'snapshot-0000000000000004',
      files: [
        {
          name: 'state',
          bytes: 5,
          sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        },
      ],
      info: { mine: true },
    },
  },
]

/** The records of a transaction have one time: that of its call. */
const CALLS = [0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 11, 11, 11, 14, 14, 14, 17]

export const EVERY_KIND: Json[] = members.map((line, seq) => ({
  seq: String(seq),
  ...line,
  timestamp: String(START + CALLS[seq]!),
}))

/**
 * The transaction's entries stand at its commit, without its markers; those that did not commit,
 * and the checkpoint, are nowhere.
 */
export const EVERYTHING_COMMITTED: Json[] = [
  ...EVERY_KIND.slice(0, 7),
  { ...EVERY_KIND[8], seq: '10' },
  { ...EVERY_KIND[9], seq: '10' },
]
