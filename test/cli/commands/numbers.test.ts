/**
 * Numbers of one kind in the `--json` of every command: what has 64 bits on disk is a decimal
 * string.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alter, DurableIndex, flat, frameOf, segmentsIn, temporaryDirectory } from '../../support/kit.ts'
import { writeEveryKind } from './every-kind.ts'
import { type Json, jsonLines } from './program.ts'

/** Members that hold a sequence number, the id of a transaction or a time, alone or in an array. */
const WIDE = new Set([
  ...['seq', 'seqs', 'firstSeq', 'lastSeq', 'durableSeq', 'snapshotSeq', 'sequenceNumber', 'replayFrom'],
  ...['throughSeq', 'transactionId', 'timestamp', 'lastCheckpoint', 'through', 'from', 'inDoubt'],
  ...['incompleteTransactions', 'inSnapshot', 'unsure', 'gone', 'older'],
])

/** Every wide member in a value, with its name; fails at one that is no decimal string. */
function wideIn(value: Json, name = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => wideIn(each, name))
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, member]) => wideIn(member, key))
  if (!WIDE.has(name) || value === null) return []
  assert.match(String(value), /^(\d+(-\d*)?|snapshot)$/)
  assert.equal(typeof value, 'string', `${name} is ${JSON.stringify(value)}`)
  return [name]
}

test('sequence numbers, transactions and times are decimal strings in the JSON of every command that has them', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeEveryKind(directory)
  const seen = new Set<string>()
  const look = async (code: number, ...args: string[]): Promise<void> => {
    for (const line of await jsonLines(code, ...args)) for (const name of wideIn(line)) seen.add(name)
  }
  for (const command of ['log', 'stats', 'verify', 'doctor']) await look(0, command, directory)
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => {
    content[frameOf(content, 'c') + 60]! ^= 1
    return undefined
  })
  for (const command of ['log', 'stats', 'verify', 'doctor']) await look(1, command, directory)
  await look(0, 'repair', directory, '--yes')
  for (const command of ['log', 'stats', 'verify', 'doctor']) await look(0, command, directory)
  for (const name of [
    'seq',
    'seqs',
    'lastSeq',
    'firstSeq',
    'durableSeq',
    'snapshotSeq',
    'inDoubt',
    'from',
    'through',
  ])
    assert.ok(seen.has(name), `${name} among ${[...seen]}`)
})

test('so are those of a checkpoint; an empty log has none', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 2 }) })
  await index.insert('a', [1, 2])
  await index.close()
  const [{ checkpoint }] = await jsonLines(0, 'checkpoint', directory)
  assert.equal(checkpoint.through, '1')
  const [{ diagnosis }] = await jsonLines(0, 'doctor', directory)
  assert.equal(diagnosis.recoverable.snapshotSeq, '1')
})
