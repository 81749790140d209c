/**
 * Snapshots whose hashes are right and whose content is not what was saved, because the index that
 * saved them lied.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import {
  brief,
  diagnose,
  names,
  type RecoveryPolicy,
  refusal,
  temporaryDirectory,
  type VectorIndex,
} from '../../support/kit.ts'
import { altered, assertWhole, liar, lied, open, spoiler } from '../../support/lying-indexes.ts'

const MAKERS = { liar, spoiler }

for (const [name, make] of Object.entries(MAKERS)) {
  for (const recovery of ['strict', 'salvage', 'repair'] satisfies RecoveryPolicy[]) {
    test(`a snapshot by a ${name} is quarantined under ${recovery}, and the one before is used`, async (t) => {
      const directory = await lied(t, make)
      const index = await open(t, directory, { recovery })
      assertWhole(index)
      assert.deepEqual(index.recovery.damage.map(brief), ['snapshot false'])
      assert.match(index.recovery.damage[0]!.detail, /right hashes/)
      assert.equal(index.recovery.fromSnapshot, 1)
      assert.equal(index.recovery.quarantined.length, 1)
      await index.close()
      const again = await open(t, directory)
      assertWhole(again)
      assert.deepEqual(again.recovery.damage, [])
    })
  }
}

test('where no snapshot is right the log alone is used, if it reaches back', async (t) => {
  const directory = await temporaryDirectory(t)
  const lying = await open(t, directory, { index: liar() })
  await lying.insert('a', [1, 2], { from: 'honest' })
  await lying.checkpoint()
  await lying.insert('b', [3, 4])
  await lying.checkpoint()
  await lying.insert('c', [5, 6])
  await lying.close()
  const index = await open(t, directory)
  assertWhole(index)
  assert.deepEqual([index.recovery.fromSnapshot, index.recovery.damage.length], [0, 2])
})

test('read-only opening passes over a snapshot that lies and writes nothing', async (t) => {
  const directory = await lied(t)
  const before = await readdir(directory, { recursive: true })
  const index = await open(t, directory, { readOnly: true })
  assertWhole(index)
  assert.deepEqual([index.recovery.damage.map(brief), index.recovery.quarantined], [['snapshot false'], []])
  await index.close()
  assert.deepEqual(await readdir(directory, { recursive: true }), before)
})

/** A directory whose log begins behind the one snapshot that is kept, and that one lies. */
async function trimmed(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t)
  const small = { checkpointRetention: 1, segmentMaxBytes: 64 * 1024 }
  const lying = await open(t, directory, { index: liar(), ...small })
  const metadata = 'x'.repeat(16 * 1024)
  for (const id of names('doc', 60)) await lying.insert(id, [1, 2], metadata)
  await lying.checkpoint()
  await lying.insert('last', [1, 2])
  await lying.close()
  return directory
}

test('without another snapshot, and without the beginning of the log, it is a loss that is refused and leaves all as it was', async (t) => {
  const directory = await trimmed(t)
  const before = await readdir(directory, { recursive: true })
  await assert.rejects(open(t, directory), refusal('WALV_DAMAGED'))
  assert.deepEqual(await readdir(directory, { recursive: true }), before)
  const left = await open(t, directory, { recovery: 'salvage' })
  assert.ok(left.has('last') && !left.has('doc-0'))
})

test('an index that gives back other vectors than a good snapshot holds is at fault itself: nothing is quarantined', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('a', [1, 2])
  await index.checkpoint()
  await index.close()
  const zeros = (inner: VectorIndex, label: number): Float32Array => inner.get(label).fill(0)
  const forgetful = altered((inner) => ({
    get: (label) => zeros(inner, label),
    peek: (label) => zeros(inner, label),
  }))
  await assert.rejects(open(t, directory, { index: forgetful }), refusal('WALV_DAMAGED'))
  assert.deepEqual((await readdir(directory)).includes('quarantine'), false)
  assert.equal((await open(t, directory)).recovery.fromSnapshot, 1)
})

test('doctor finds a snapshot whose content is another than it says', async (t) => {
  const { verdict, remedy, damage } = await diagnose({ directory: await lied(t) })
  assert.deepEqual([verdict, remedy.kind, damage.map(brief)], ['damaged', 'repair', ['snapshot false']])
})
