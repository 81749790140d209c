import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedLog, killedLog, largeLog, longLog, type Original, trimmedLog } from './damage-logs.ts'
import { check } from './damage-oracle.ts'
import { Untouched } from './damage-untouched.ts'

const undamaged = (original: Original): Untouched =>
  new Untouched(original, { files: original.files, unreadable: [] })

for (const make of [closedLog, trimmedLog, killedLog, longLog, largeLog]) {
  test(`${make.name}: undamaged it is whole, and its anatomy is what the engine reads`, async () => {
    const original = await make()
    const untouched = undamaged(original)
    const { outcome, salvaged } = await check(untouched)
    assert.equal(outcome, 'whole')
    // A full disk, or a write that was under way, leaves something that is no damage.
    assert.deepEqual(
      salvaged.damage.filter(({ kind }) => kind !== 'torn-tail'),
      [],
    )
    assert.deepEqual(
      original.recordFrames.map(({ seq }) => seq),
      [...original.records.keys()],
    )
    assert.equal(untouched.promisedBefore === original.endSeq, make !== killedLog)
  })
}

test('the logs hold every kind of record, over several segments', async () => {
  const { records, segments, checkpoints } = await closedLog()
  const text = [...records.values()].join('\n')
  const kinds = ['insert', 'update', 'delete', 'custom', 'batch', 'checkpoint', 'gap']
  const markers = ['begin', 'prepare', 'commit', 'abort'].map((marker) => `${marker}Transaction`)
  for (const kind of [...kinds, ...markers]) assert.match(text, new RegExp(`"entry":{"type":"${kind}"`))
  assert.match(text, /"replace":true/)
  assert.match(text, /"type":"batch","entries":.*"type":"batch","entries"/)
  assert.equal(segments.length, 4)
  assert.equal(checkpoints.length, 1)
  assert.equal((await trimmedLog()).checkpoints.length, 2)
})

test('the logs are the same in every run', async () => {
  for (const make of [closedLog, trimmedLog, killedLog, longLog, largeLog]) {
    const [one, other] = [await make(), await make()]
    const segments = one.segments.map(({ path }) => path)
    for (const path of segments) assert.ok(one.files.get(path)!.equals(other.files.get(path)!), path)
  }
})
