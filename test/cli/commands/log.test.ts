import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { DATA_PREFIX_BYTES } from '../../../src/format/encode.ts'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import type { V1Entry } from '../../../src/v1/format/entry.ts'
import {
  alter,
  appendAll,
  type CraftedFrame,
  craftSegment,
  frameOf,
  insert,
  segmentsIn,
  startWriter,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../../support/kit.ts'
import { fixtureNames, loadFixture } from '../../v1/helpers.ts'
import { EVERY_KIND, EVERYTHING_COMMITTED, writeEveryKind } from './every-kind.ts'
import { assertRefused, assertUnchanged, type Json, jsonLines, MAIN, textLines, walv } from './program.ts'

const LIMIT_BYTES = 200_000_000

/** The directories of v1 in which a torn tail is all the damage there is. */
const TORN = [
  'garbage_tail_zeros_12',
  'garbage_tail_zeros_4096',
  'garbage_tail_zeros_7',
  'torn_tail_first_record_half',
  'torn_tail_frame_no_payload',
  'torn_tail_len_3_bytes',
  'torn_tail_payload_1_byte',
  'torn_tail_payload_minus_1',
  'torn_tail_seq_1_byte',
  'torn_tail_seq_only',
]
/** The others that show damage. */
const DAMAGED = [
  'clock_went_back',
  'crafted_bad_payloads',
  'crafted_deep_batch_100000',
  'crafted_string_len_abort',
  'flip_id_invalid_utf8',
  'flip_len_bit5',
  'flip_len_huge',
  'flip_len_plus_1',
  'flip_magic',
  'flip_maplen',
  'flip_seq_dup',
  'flip_seq_low',
  'flip_timestamp_tag',
  'flip_variant_invalid',
  'flip_version',
  'garbage_tail_ff_64',
  'garbage_tail_partial_stale_record',
  'good_file_then_7_bytes_file',
  'good_file_then_empty_file',
  'header_truncated_01',
  'header_truncated_03',
  'header_truncated_04',
  'header_truncated_07',
  'header_truncated_08',
  'header_truncated_09',
  'reopen_later_no_recover',
  'reopen_no_recover_after_checkpoint',
  'two_writers_same_file',
]

test('There is a directory for every v1 damage that is expected', () => {
  assert.deepEqual(
    [...TORN, ...DAMAGED].filter((name) => !fixtureNames.includes(name)),
    [],
  )
})

for (const name of fixtureNames) {
  const isDamaged = DAMAGED.includes(name)
  const damage = isDamaged ? 'its damage' : TORN.includes(name) ? 'its torn tail' : 'no damage'

  test(`v1 ${name}: every record that decodes, bit for bit, and ${damage}, within 200 MB`, async () => {
    const fixture = loadFixture(name)
    const run = await walv('log', fixture.directory, '--json')
    assert.deepEqual({ code: run.code, stderr: run.stderr }, { code: isDamaged ? 1 : 0, stderr: '' })
    const lines: Json[] = run.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    const records = lines.filter((line) => !('damage' in line))
    const damages = lines.filter((line) => 'damage' in line).map((line) => line.damage)

    // Where the walk stopped at a repeated header, what the writers were given is all in that file,
    // in their order.
    const stopped = fixture.files.some(({ walk_end }) => walk_end.startsWith('second file header'))
    const walked = fixture.records.filter(({ entry }) => entry !== undefined)
    const expected = stopped ? fixture.entries : walked
    assert.ok(expected.length >= walked.length)
    assert.deepEqual(
      records,
      expected.map(({ seq, entry }) => ({ seq: String(seq), ...jsonOf(entry!) })),
    )

    assert.equal(damages.length > 0, isDamaged || TORN.includes(name))
    for (const { kind, file, offset, bytes, acknowledged, seqs, detail } of damages) {
      assert.equal(kind === 'torn-tail', TORN.includes(name))
      assert.ok(fixture.files.some((known) => known.name === file && offset + bytes <= known.bytes))
      assert.ok(acknowledged === null || acknowledged === false)
      for (const seq of seqs) assert.match(seq, /^\d+(-\d*)?$/)
      assert.match(detail, /^[A-Z].*\.$/)
    }
    assert.ok(run.peakBytes > 10_000_000 && run.peakBytes < LIMIT_BYTES, `${run.peakBytes} bytes`)
  })
}

/** What the issue binds a line to be, made without the program's own code. */
function jsonOf(entry: V1Entry): Json {
  const timestamp = String(entry.timestamp)
  switch (entry.type) {
    case 'insert':
    case 'update': {
      const { type, id, vector } = entry
      const base64 = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')
      return {
        type,
        id,
        vector: base64,
        metadata: entry.metadata && Object.fromEntries(entry.metadata),
        timestamp,
      }
    }
    case 'delete':
      return { type: entry.type, id: entry.id, timestamp }
    case 'batch':
      return { type: entry.type, entries: entry.entries.map(jsonOf), timestamp }
    case 'checkpoint':
      return { type: entry.type, sequenceNumber: String(entry.sequenceNumber), timestamp }
    default:
      return { type: entry.type, transactionId: String(entry.transactionId), timestamp }
  }
}

test('v1 with --committed: a transaction shows where it committed, without its markers; an open one not at all', async () => {
  const ids = async (name: string): Promise<string[]> => {
    const lines = await jsonLines(0, 'log', loadFixture(name).directory, '--committed')
    return lines.map(({ seq, type, id }) => [seq, type, id].join(' '))
  }
  const committed = loadFixture('tx_committed').entries.filter(({ entry }) => 'id' in entry)
  assert.ok(committed.length > 0)
  assert.deepEqual(
    await ids('tx_committed'),
    committed.map(({ seq, entry }) => `${seq} ${entry.type} ${(entry as { id: string }).id}`),
  )
  assert.deepEqual(await ids('tx_open'), ['0 insert keep'])
})

test('v1 with --committed: damage comes first, then what can still be read, and the exit code is 1', async () => {
  const lines = await jsonLines(1, 'log', loadFixture('flip_len_bit5').directory, '--committed')
  assert.deepEqual(
    lines.map(({ seq, damage }) => seq ?? damage.kind),
    ['corrupt', 'corrupt', '0', '1'],
  )
})

test('v2: every kind of record is one line, as it was given, in the order of the log', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  await assertUnchanged(directory, async () => {
    assert.deepEqual(await jsonLines(0, 'log', directory), EVERY_KIND)
  })
})

test('v2 with --committed: only what takes effect, where it does', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  assert.deepEqual(await jsonLines(0, 'log', directory, '--committed'), EVERYTHING_COMMITTED)
})

test('For people, each record is a line with its number, its time and what it does', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  const lines = await textLines(0, 'log', directory)
  assert.equal(lines.length, EVERY_KIND.length)
  for (const [seq, line] of lines.entries())
    assert.match(line, new RegExp(`^${seq}  2023-11-14T22:13:20.0\\d\\dZ  [a-z]`))
  assert.match(lines[0]!, /insert "a", 5 dimensions$/)
})

test('A record in the middle that no longer verifies is a damage line in its place, and the exit code is 1', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['alpha', 'bravo', 'charlie'])
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => {
    content[frameOf(content, 'bravo') + 60]! ^= 1
    return undefined
  })
  for (const options of [[], ['--committed']]) {
    const lines = await jsonLines(1, 'log', directory, ...options)
    const damages = lines.filter((line) => 'damage' in line)
    assert.deepEqual(
      lines.filter((line) => !('damage' in line)).map(({ seq, id }) => [seq, id]),
      [
        ['0', 'alpha'],
        ['2', 'charlie'],
      ],
    )
    assert.equal(damages.length, 1)
    const { detail, offset, bytes, ...damage } = damages[0].damage
    assert.deepEqual(damage, {
      kind: 'corrupt',
      file: 'segment-0000000001.walv',
      acknowledged: true,
      seqs: ['1'],
      ids: ['bravo'],
    })
    assert.ok(offset > 1024 && bytes > 0 && /\.$/.test(detail))
    assert.equal(lines.indexOf(damages[0]), options.length === 0 ? 1 : 0)
  }
  const text = await textLines(1, 'log', directory)
  assert.match(
    text[1]!,
    /^damage: corrupt, at byte \d+ of "segment-0000000001\.walv" .*acknowledged records are lost: seq 1/,
  )
})

test('A torn tail is told, and the exit code is 0', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = await craftSegment(directory, [deleting('alpha'), deleting('bravo')])
  await alter(path, (content) => {
    content[content.indexOf('bravo', 1024)]! ^= 1
    return undefined
  })
  const lines = await jsonLines(0, 'log', directory)
  assert.deepEqual(
    lines.map((line) => line.id ?? [line.damage.kind, line.damage.acknowledged, line.damage.seqs]),
    ['alpha', ['torn-tail', false, []]],
  )
})

/** The frame of a delete. */
function deleting(id: string, durableBefore = 0): CraftedFrame {
  const payload = Buffer.alloc(DATA_PREFIX_BYTES + id.length)
  payload.writeUInt16LE(id.length, 4)
  payload.write(id, DATA_PREFIX_BYTES)
  return { type: FRAME_TYPES.delete, payload, durableBefore }
}

test('Numbers that are lost in thousands are one range', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await appendAll(wal, ['a'])
  await wal.close()
  await craftSegmentBehind(directory, 5000)
  const lines = await jsonLines(1, 'log', directory)
  const damage = lines.find((line) => 'damage' in line)?.damage
  assert.deepEqual([damage.acknowledged, damage.seqs], [true, ['1-4999']])
})

/**
 * A segment of the same log that begins at a later number, as if what stands between had vanished.
 */
async function craftSegmentBehind(directory: string, firstSeq: number): Promise<void> {
  const [segment] = await segmentsIn(directory)
  const logId = (await readFile(segment!)).subarray(24, 40)
  await craftSegment(directory, [deleting('z', firstSeq)], {
    logId,
    number: 2,
    firstSeq,
    durableBefore: firstSeq,
  })
}

test('Beside a living writer all that was acknowledged can be read', async (t) => {
  const directory = await temporaryDirectory(t)
  await startWriter(t, { directory, count: 20 })
  const lines = await jsonLines(0, 'log', directory)
  assert.deepEqual(
    lines.map(({ id }) => id),
    Array.from({ length: 20 }, (_, index) => `id-${index}`),
  )
})

test('A reader that has seen enough is no error', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory, durability: 'os' })
  await Promise.all(Array.from({ length: 20_000 }, (_, index) => wal.append(insert(`id-${index}`))))
  await wal.close()
  const child = spawn(process.execPath, [MAIN, 'log', directory, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  child.stdout.once('data', () => child.stdout.destroy())
  const [code] = await once(child, 'close')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})

test('A log of 200 MB is printed within 200 MB', async (t) => {
  const directory = await temporaryDirectory(t)
  const vector = new Float32Array(4000).fill(0.5)
  await using wal = await Wal.open({ directory, durability: 'os' })
  for (let index = 0; index < 12_500; index++) {
    const done = wal.append({ type: 'insert', id: `id-${index}`, vector })
    if (index % 500 === 0) await done
  }
  await wal.close()
  const child = spawn(
    process.execPath,
    ['--import', new URL('./peak-memory.js', import.meta.url).href, MAIN, 'log', directory, '--json'],
    {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    },
  )
  let bytes = 0
  let peak = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  child.stdio[3]!.on('data', (text) => {
    peak += text
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  assert.ok(bytes > 200_000_000)
  assert.ok(Number(peak) < LIMIT_BYTES, `${peak} bytes`)
})

test('A directory without a log is no empty log', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const options of [[], ['--json'], ['--committed']]) {
    await assertRefused(
      ['log', directory, ...options],
      1,
      'WALV_NOT_FOUND',
      /There is no log in .* Check the path\./,
    )
  }
})
