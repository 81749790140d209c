// Logs without damage, and two that a crash left.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Wal } from '../../dist/mod.js'
import { frameOf, zeroSectorBefore } from './bytes.mjs'
import { clean, Golden, same } from './golden.mjs'
import { bits, custom, floats, insert, ramp, remove } from './values.mjs'

export async function everyKind(folders) {
  const golden = new Golden('every-kind', folders)
  const wal = await Wal.open(golden.options)
  for (const entry of kinds()) await golden.append(wal, entry)

  const committed = golden.begin(wal)
  const aborted = golden.begin(wal)
  golden.add(committed, insert('t1', floats(1)))
  golden.add(aborted, insert('u1', floats(2)))
  golden.add(committed, { type: 'batch', entries: [remove('t1'), custom('in batch', Uint8Array.of(1))] })
  golden.add(committed, custom('in transaction', Uint8Array.of(2)))
  golden.add(aborted, { type: 'update', id: 'a', metadata: 'no' })
  await golden.mark(committed, 'commitTransaction', committed.commit)
  await golden.mark(aborted, 'abortTransaction', aborted.abort)
  const decided = golden.begin(wal)
  golden.add(decided, remove('a'))
  await golden.mark(decided, 'prepareTransaction', decided.prepare)
  await golden.mark(decided, 'commitTransaction', decided.commit)
  const inDoubt = golden.begin(wal)
  golden.add(inDoubt, insert('doubt', floats(3)))
  await golden.mark(inDoubt, 'prepareTransaction', inDoubt.prepare)
  const open = golden.begin(wal)
  golden.add(open, insert('open', floats(4)))

  const seq = wal.durableSeq
  const checkpoint = await wal.checkpoint({
    seq,
    snapshot: async (files) => {
      await files.write('state.bin', [Uint8Array.of(1, 2), Uint8Array.of(3)])
      return { any: ['info', 1] }
    },
  })
  golden.expect(checkpoint)
  await wal.close()
  golden.keep()
  golden.finish({
    ...clean(golden, 1),
    checkpoints: 1,
    snapshotSeq: seq,
    transactions: { committed: 2, aborted: 2, inDoubt: [inDoubt.id] },
  })
}

function* kinds() {
  yield insert('a', floats(1, -2.5, 1e-30), {
    'ключ "\\"': ['é', '\u{1f600}', '\u0001\u2028', 1.5, -1e300, true, null, { '': [] }],
  })
  yield insert(
    '日本語-\u{1f600}',
    bits(0x7fc00001, 0xffc12345, 0x7f800001, 0x80000000, 0x7f800000, 0xff800000, 1),
  )
  yield { ...insert('a', floats(), 'a string'), replace: true }
  yield { type: 'update', id: 'a', vector: floats(7) }
  yield { type: 'update', id: 'a', metadata: null }
  yield { type: 'update', id: 'a', vector: floats(8), metadata: [] }
  yield { type: 'update', id: 'a' }
  yield remove('a')
  yield custom(
    'käse',
    Uint8Array.from({ length: 256 }, (_, index) => index),
  )
  yield custom('nothing', new Uint8Array(0))
  yield { type: 'batch', entries: [] }
  const inner = {
    type: 'batch',
    entries: [insert('b2', floats(1, 2, 3), 0), { type: 'batch', entries: [custom('k', Uint8Array.of(9))] }],
  }
  yield { type: 'batch', entries: [remove('x'), inner, { type: 'update', id: 'b2', metadata: { deep: {} } }] }
  // Payloads of 8 191, 8 192 and 8 193 bytes: the last with a second sum; then an even and an odd
  // count of further sums.
  for (const bytes of [8191, 8192, 8193, 20_000, 70_000])
    yield custom('length', Buffer.alloc(bytes - 14, bytes & 255))
  yield insert('wide', ramp(3072), { dimensions: 3072 })
}

export async function rotation(folders) {
  const golden = new Golden('rotation', folders)
  const wal = await Wal.open({ ...golden.options, segmentMaxBytes: 64 * 1024 })
  for (let index = 0; index < 21; index++) await golden.append(wal, insert(`id-${index}`, ramp(4096), index))
  await wal.close()
  golden.keep()
  golden.finish(clean(golden, 3))
}

/**
 * The first process is killed with a group half on disk; the second goes on in a new segment, from
 * within the first.
 */
export async function reopened(folders) {
  const golden = new Golden('reopened', folders)
  const first = await Wal.open(golden.options)
  for (let index = 0; index < 20; index++) await golden.append(first, insert(`first-${index}`, ramp(1024)))
  const lost = ['lost-0', 'lost-1', 'lost-2'].map((id) => first.append(insert(id, ramp(200))))
  await Promise.all(lost)
  const copy = `${golden.directory}-crashed`
  cpSync(golden.directory, copy, { recursive: true, filter: (path) => !/LOCK$|\.tmp$/.test(path) })
  await first.close()
  const segment = join(copy, 'segment-0000000001.walv')
  const bytes = readFileSync(segment)
  zeroSectorBefore(bytes, 'lost-0')
  writeFileSync(segment, bytes)
  const second = await Wal.open({ ...golden.options, directory: copy })
  same(second.lastSeq, 19)
  for (let index = 0; index < 5; index++)
    await golden.append(second, insert(`second-${index}`, floats(index)))
  await second.close()
  golden.keep(copy)
  golden.finish(clean(golden, 2))
}

/** A group of three of which the second never landed: the first counts, the third does not. */
export async function tornTail(folders) {
  const golden = new Golden('torn-tail', folders)
  const wal = await Wal.open(golden.options)
  for (let index = 0; index < 5; index++)
    await golden.append(wal, insert(`whole-${index}`, ramp(200), { index }))
  golden.now++
  golden.expect(insert('landed', ramp(200)))
  await Promise.all(['landed', 'torn', 'behind'].map((id) => wal.append(insert(id, ramp(200)))))
  golden.keep()
  await wal.close()
  let offset = 0
  golden.alter('segment-0000000001.walv', (bytes) => {
    offset = frameOf(bytes, 'torn')
    zeroSectorBefore(bytes, 'torn')
  })
  const tail = {
    kind: 'torn-tail',
    file: 'segment-0000000001.walv',
    offset,
    acknowledged: false,
    seqs: [],
    ids: [],
  }
  golden.finish({ ...clean(golden, 1), closedInOrder: false, damage: [tail] })
}
