import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DamageList } from '../../../src/log/recover/damage-list.ts'
import type { Damage } from '../../support/kit.ts'

const lost = (seq: number, fields: Partial<Damage> = {}): Damage => ({
  kind: 'corrupt',
  file: 'one',
  offset: 100 * seq,
  bytes: 50,
  acknowledged: true,
  seqs: [{ from: seq, through: seq }],
  ids: [`id-${seq}`],
  detail: `Record ${seq} is lost.`,
  ...fields,
})

const listOf = (damages: readonly Damage[]): Damage[] => {
  const list = new DamageList()
  for (const damage of damages) list.add(damage)
  return list.all()
}

const many = (count: number): Damage[] => Array.from({ length: count }, (_, seq) => lost(seq))

test('10,000 places are told one by one', () => {
  assert.deepEqual(listOf(many(10_000)), many(10_000))
})

test('one more is told like them', () => {
  assert.deepEqual(listOf(many(10_001)), many(10_001))
})

test('those behind 10,000 are told together, by file and by whether they were acknowledged', () => {
  const more = [
    lost(1, { file: 'two', seqs: [] }),
    lost(2, { file: 'two', seqs: [] }),
    lost(3, { file: 'three', acknowledged: null, seqs: [{ from: 3, through: null }] }),
    lost(4, { file: 'three', acknowledged: null }),
    lost(5, { file: 'three' }),
  ]
  const all = listOf([...many(12_000), ...more])
  assert.deepEqual(all.slice(0, 10_000), many(10_000))
  const together = all
    .slice(10_000)
    .map(({ file, offset, bytes, acknowledged, seqs, ids }) => [
      file,
      [offset, bytes],
      acknowledged,
      seqs,
      ids,
    ])
  assert.deepEqual(together, [
    ['one', [1e6, 199_950], true, [{ from: 10_000, through: 11_999 }], []],
    ['two', [100, 150], true, [], []],
    ['three', [300, 150], null, [{ from: 3, through: null }], []],
    ['three', [500, 50], true, [{ from: 5, through: 5 }], ['id-5']],
  ])
  assert.equal(
    all[10_000]!.detail,
    'one at offset 1000000: 2000 more places in the 199950 bytes from here on are damaged too. Not every record between the first and the last of those that are named need be lost.',
  )
  assert.equal(
    all[10_001]!.detail,
    'two at offset 100: 2 more places in the 150 bytes from here on are damaged too.',
  )
})

test('numbers of format v1 are as large as they are', () => {
  const v1 = (seq: bigint): Damage => lost(0, { seqs: [{ from: seq, through: seq + 2n ** 60n }] })
  const all = listOf([...many(10_000), v1(5n), v1(3n)])
  assert.deepEqual(all[10_000]!.seqs, [{ from: 3n, through: 5n + 2n ** 60n }])
})
