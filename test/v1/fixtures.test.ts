import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
import { bits, brief, collect, fixtureNames, loadFixture, watched } from './helpers.ts'

/**
 * What is wrong with each damaged directory, as far as v1 can show it. What is not listed shows no
 * damage.
 */
const DAMAGES: Record<string, string[]> = {
  clock_went_back: ['order false'],
  crafted_bad_payloads: Array.from({ length: 12 }, (_, n) => `corrupt ${n + 1}..${n + 1} null`),
  crafted_deep_batch_100000: ['corrupt 1..1 null'],
  crafted_string_len_abort: ['corrupt 1..1 null'],
  flip_id_invalid_utf8: ['corrupt 2..2 null'],
  flip_len_bit5: ['corrupt 2..2 null', 'corrupt 3.. null'],
  flip_len_huge: ['corrupt 2.. null'],
  flip_len_plus_1: ['corrupt 2..2 null', 'corrupt 3.. null'],
  flip_magic: ['segment-header 0.. null'],
  flip_maplen: ['corrupt 2..2 null'],
  flip_seq_dup: ['order null'],
  flip_seq_low: ['order null'],
  flip_timestamp_tag: ['corrupt 2..2 null'],
  flip_variant_invalid: ['corrupt 2..2 null'],
  flip_version: ['segment-header 0.. null'],
  garbage_tail_ff_64: ['corrupt 5.. null'],
  garbage_tail_partial_stale_record: ['corrupt 5.. null'],
  garbage_tail_zeros_12: ['torn-tail 5.. null'],
  garbage_tail_zeros_4096: ['torn-tail 5.. null'],
  garbage_tail_zeros_7: ['torn-tail 5.. null'],
  good_file_then_7_bytes_file: ['torn-creation false'],
  good_file_then_empty_file: ['torn-creation false'],
  header_truncated_01: ['torn-creation false'],
  header_truncated_03: ['torn-creation false'],
  header_truncated_04: ['torn-creation false'],
  header_truncated_07: ['torn-creation false'],
  header_truncated_08: ['torn-creation false'],
  header_truncated_09: ['torn-creation false'],
  reopen_later_no_recover: ['order false'],
  reopen_no_recover_after_checkpoint: ['order false'],
  torn_tail_first_record_half: ['torn-tail 0.. null'],
  torn_tail_frame_no_payload: ['torn-tail 4.. null'],
  torn_tail_len_3_bytes: ['torn-tail 4.. null'],
  torn_tail_payload_1_byte: ['torn-tail 4.. null'],
  torn_tail_payload_minus_1: ['torn-tail 4.. null'],
  torn_tail_seq_1_byte: ['torn-tail 4.. null'],
  torn_tail_seq_only: ['torn-tail 4.. null'],
  two_writers_same_file: ['order null', 'order null', 'order null', 'order null'],
}

test('there is a directory for every damage that is expected', () => {
  assert.deepEqual(
    Object.keys(DAMAGES).filter((name) => !fixtureNames.includes(name)),
    [],
  )
})

for (const name of fixtureNames) {
  const fixture = loadFixture(name)
  const file = (record: { file: string }): Buffer => fs.readFileSync(join(fixture.directory, record.file))

  test(`${name}: every record comes out bit for bit, in file order`, async () => {
    const { records } = await collect(readV1Directory(nodeDisk, fixture.directory))
    const expected = fixture.records.filter(({ entry }) => entry !== undefined)
    if (fixture.files.some(({ walk_end }) => walk_end.startsWith('second file header'))) {
      // The independent walk stopped there. What the writers were given is all in one file, in
      // their order.
      assert.deepEqual(
        records.map(({ seq, entry }) => ({ seq, entry: bits(entry) })),
        fixture.entries.map(({ seq, entry }) => ({ seq, entry: bits(entry) })),
      )
      return
    }
    assert.deepEqual(
      records.map(({ file, offset, seq, entry }) => ({ file, offset, seq, entry: bits(entry) })),
      expected.map(({ file, offset, seq, entry }) => ({ file, offset, seq, entry: bits(entry!) })),
    )
    for (const [n, record] of records.entries()) {
      assert.deepEqual(
        record.trailingBytes,
        expected[n]!.length - (expected[n]!.consumed ?? expected[n]!.length),
      )
    }
  })

  test(`${name}: payloads are the file's bytes and are encoded back to them`, async () => {
    const { records } = await collect(readV1Directory(nodeDisk, fixture.directory))
    for (const record of records) {
      const start = record.offset + 12
      assert.deepEqual(
        Buffer.from(record.payload),
        file(record).subarray(start, start + record.payload.length),
      )
      const encoded = encodeV1Entry(record.entry)
      assert.deepEqual(encoded, record.payload.subarray(0, record.payload.length - record.trailingBytes))
    }
  })

  test(`${name}: damage is ${DAMAGES[name]?.join(', ') ?? 'none'}`, async () => {
    const { damages } = await collect(readV1Directory(nodeDisk, fixture.directory))
    assert.deepEqual(damages.map(brief), DAMAGES[name] ?? [])
    for (const { file, offset, bytes, detail } of damages) {
      const size = fixture.files.find((expected) => expected.name === file)!.bytes
      assert.ok(offset + bytes <= size, `${offset} + ${bytes} is outside the ${size} bytes of ${file}`)
      assert.ok(detail.endsWith('.'))
    }
  })

  test(`${name}: nothing is opened but for reading`, async () => {
    const { disk, modes } = watched(nodeDisk)
    await collect(readV1Directory(disk, fixture.directory))
    assert.deepEqual([...modes], ['read'])
  })
}
