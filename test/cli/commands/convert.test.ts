import assert from 'node:assert/strict'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readV1Directory } from '../../../src/v1/mod.ts'
import { alter, frameOf, nodeDisk, segmentsIn, temporaryDirectory, Wal, writeLog } from '../../support/kit.ts'
import { fixtureNames, loadFixture } from '../../v1/helpers.ts'
import { assertRefused, assertUnchanged, contentOf, jsonLines, textLines } from './program.ts'

/** The v1 directories in which records may be lost: refused without --salvage. */
const LOSSY = [
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
  'two_writers_same_file',
]

/** Numbers and payload bytes of a v1 directory, in order. */
async function payloads(directory: string): Promise<string[]> {
  const found: string[] = []
  for await (const { record } of readV1Directory(nodeDisk, directory))
    if (record) found.push(`${record.seq} ${Buffer.from(record.payload).toString('hex')}`)
  return found
}

for (const name of fixtureNames) {
  test(`v1 ${name} to v2 and back: the same records, byte for byte, and the source untouched`, async (t) => {
    const folder = await temporaryDirectory(t)
    const [v2, v1] = [join(folder, 'v2'), join(folder, 'v1')]
    const { directory } = loadFixture(name)
    const expected = await payloads(directory)
    await assertUnchanged(directory, async () => {
      const isLossy = LOSSY.includes(name)
      if (isLossy) {
        const refused = ['convert', directory, join(folder, 'refused'), '--json']
        await assertRefused(refused, 1, 'WALV_DAMAGED', /is damaged: .*salvage/)
      }
      const [{ converted }, ...others] = await jsonLines(
        0,
        'convert',
        directory,
        v2,
        ...(isLossy ? ['--salvage'] : []),
      )
      assert.deepEqual(others, [])
      assert.deepEqual([converted.format, converted.records], ['v2', expected.length])
    })
    await assertUnchanged(v2, async () => {
      const [{ converted }] = await jsonLines(0, 'convert', v2, v1)
      assert.deepEqual([converted.format, converted.records, converted.damage], ['v1', expected.length, 0])
    })
    assert.deepEqual(await payloads(v1), expected)
  })
}

test('A damaged v2 log is refused without --salvage; with it what verifies is converted', async (t) => {
  const folder = await temporaryDirectory(t)
  const [v2, v1] = [join(folder, 'v2'), join(folder, 'v1')]
  await writeLog(v2, ['alpha', 'bravo', 'charlie'])
  const [segment] = await segmentsIn(v2)
  await alter(segment!, (content) => {
    content[frameOf(content, 'bravo') + 60]! ^= 1
    return undefined
  })
  await assertUnchanged(folder, () =>
    assertRefused(['convert', v2, v1, '--json'], 1, 'WALV_DAMAGED', /record 1 is lost/),
  )
  const [{ converted }] = await jsonLines(0, 'convert', v2, v1, '--salvage')
  assert.deepEqual(converted, { records: 2, withoutCounterpart: 0, damage: 1, format: 'v1' })
  const lines = await jsonLines(0, 'log', v1)
  assert.deepEqual(
    lines.map(({ seq, id }) => [seq, id]),
    [
      ['0', 'alpha'],
      ['1', 'charlie'],
    ],
  )
})

test('For people a sentence says what was converted, kept, left out and passed over', async (t) => {
  const folder = await temporaryDirectory(t)
  const target = (name: string): string => join(folder, name)
  const { directory } = loadFixture('every_variant')
  assert.deepEqual(await textLines(0, 'convert', directory, target('a')), [
    `8 records written to ${target('a')} in format v2; 2 records without a form in v2 kept as in v1; checked: converting back gives the same records.`,
  ])
  assert.deepEqual(
    await textLines(0, 'convert', loadFixture('flip_len_bit5').directory, target('b'), '--salvage'),
    [
      `2 records written to ${target('b')} in format v2; 2 damaged places passed over; checked: converting back gives the same records.`,
    ],
  )
  const wal = await Wal.open({ directory: target('c') })
  const seq = await wal.append({ type: 'insert', id: 'a', vector: [1] })
  await wal.checkpoint({ seq, snapshot: async () => null })
  await wal.close()
  assert.deepEqual(await textLines(0, 'convert', target('c'), target('d')), [
    `1 record written to ${target('d')} in format v1; 1 record without a form in v1 left out.`,
  ])
})

/** A v2 log with what `write` appends. */
async function logOf(
  t: TestContext,
  write: (wal: Wal) => Promise<unknown>,
): Promise<{ folder: string; directory: string }> {
  const folder = await temporaryDirectory(t)
  const directory = join(folder, 'v2')
  await using wal = await Wal.open({ directory })
  await wal.append({ type: 'insert', id: 'a', vector: [1], metadata: { k: 'v' } })
  await write(wal)
  return { folder, directory }
}

const UNKNOWN_TO_V1: [what: string, write: (wal: Wal) => Promise<unknown>, message: RegExp][] = [
  [
    'a custom record',
    (wal) => wal.append({ type: 'custom', kind: 'mine', data: new Uint8Array() }),
    /Record 1 is a custom,/,
  ],
  [
    'an update of metadata alone',
    (wal) => wal.append({ type: 'update', id: 'a', metadata: 'x' }),
    /Record 1 changes "a" in a way/,
  ],
  [
    'an update that clears metadata',
    (wal) => wal.append({ type: 'update', id: 'a', vector: [1], metadata: null }),
    /Record 1 changes "a" in a way/,
  ],
  ['a prepared transaction', (wal) => wal.begin().prepare(), /Record 2 /],
  [
    'transactions within one another',
    async (wal) => {
      const [first, second] = [wal.begin(), wal.begin()]
      first.delete('a')
      await Promise.all([first.commit(), second.commit()])
    },
    /Record 3 does not stand within its transaction alone/,
  ],
]

for (const [what, write, message] of UNKNOWN_TO_V1) {
  test(`To v1: ${what} is refused by its number, and nothing is left behind`, async (t) => {
    const { folder, directory } = await logOf(t, write)
    await assertUnchanged(folder, () =>
      assertRefused(['convert', directory, join(folder, 'v1'), '--json'], 2, 'WALV_INVALID_ENTRY', message),
    )
  })
}

test('A refused conversion of a damaged v1 directory leaves nothing behind', async (t) => {
  const folder = await temporaryDirectory(t)
  const { directory } = loadFixture('flip_len_bit5')
  await assertRefused(['convert', directory, join(folder, 'v2')], 1, 'WALV_DAMAGED', /is damaged/)
  assert.deepEqual(await readdir(folder), [])
})

test('To v1: a log whose beginning is only in a snapshot is refused, and nothing is left behind', async (t) => {
  const folder = await temporaryDirectory(t)
  const directory = join(folder, 'v2')
  await using wal = await Wal.open({ directory, segmentMaxBytes: 65_536, checkpointRetention: 1 })
  const vector = new Float32Array(1000)
  for (let index = 0; index < 100; index++) await wal.append({ type: 'insert', id: `id-${index}`, vector })
  await wal.checkpoint({ seq: 99, snapshot: async () => null })
  assert.ok(wal.stats().firstSeq > 0)
  await wal.close()
  await assertUnchanged(folder, () =>
    assertRefused(
      ['convert', directory, join(folder, 'v1')],
      2,
      'WALV_SEQUENCE_TRIMMED',
      /begins with record \d+; what came before is in a snapshot/,
    ),
  )
})

test('A target that holds anything is refused, and nothing in it changes', async (t) => {
  const folder = await temporaryDirectory(t)
  const from = { v1: loadFixture('basic_5_inserts').directory, v2: join(folder, 'from') }
  await writeLog(from.v2, ['a'])
  const targets = { v1: join(folder, 'v1'), v2: join(folder, 'v2'), notes: join(folder, 'notes') }
  await cp(from.v1, targets.v1, { recursive: true })
  await writeLog(targets.v2, ['x'])
  await mkdir(targets.notes)
  await writeFile(join(targets.notes, 'notes.txt'), 'mine')
  await assertUnchanged(folder, async () => {
    for (const source of Object.values(from)) {
      for (const target of [...Object.values(targets), from.v2])
        await assertRefused(
          ['convert', source, target, '--json', '--salvage'],
          2,
          'WALV_USAGE',
          /is not empty\. Give a new directory/,
        )
    }
  })
})

test('An empty directory is a target, and no source', async (t) => {
  const folder = await temporaryDirectory(t)
  const [empty, other] = [join(folder, 'empty'), join(folder, 'other')]
  await mkdir(empty)
  await assertUnchanged(folder, () =>
    assertRefused(['convert', empty, other], 1, 'WALV_NOT_FOUND', /There is no log in /),
  )
  await jsonLines(0, 'convert', loadFixture('basic_5_inserts').directory, empty)
  assert.ok((await contentOf(empty)).size > 0)
})

test('In either direction the folders above the new directory are made', async (t) => {
  const folder = await temporaryDirectory(t)
  const { directory } = loadFixture('basic_5_inserts')
  const [v2, v1] = [join(folder, 'new', 'v2'), join(folder, 'other', 'new', 'v1')]
  await jsonLines(0, 'convert', directory, v2)
  await jsonLines(0, 'convert', v2, v1)
  assert.deepEqual(await payloads(v1), await payloads(directory))
})
