import assert from 'node:assert/strict'
import { DurableIndex } from '../../index/durable/durable-index.ts'
import type { DurableIndexOptions } from '../../index/durable/types.ts'
import type { Checks } from './case.ts'
import { type IndexSubject, vectorsFor } from './index-subject.ts'

type Options = Partial<DurableIndexOptions>

const open = async (subject: IndexSubject, directory: string, options: Options): Promise<DurableIndex> =>
  DurableIndex.open({ directory, index: await subject.make(), ...options })

/** The numbers of all ids. */
const numbersOf = (index: DurableIndex): Map<string, number> =>
  new Map([...index.entries()].map(([id, { seq }]) => [id, seq]))

const conflict = (id: string, ifSeq: number | null, seq: number | null) => ({
  code: 'WALV_CONFLICT',
  fate: 'not-logged',
  detail: { id, ifSeq, seq },
})

/** Refused are those whose ids are not as expected, and made are the others. */
async function change(index: DurableIndex, vectors: readonly Float32Array[]): Promise<void> {
  await Promise.all(vectors.map((vector, at) => index.insert(`id-${at}`, vector, { at })))
  const seq = index.get('id-1')!.seq
  await index.update('id-1', { vector: vectors[2]! }, { ifSeq: seq })
  const now = index.get('id-1')!.seq
  assert.ok(now > seq, 'a change has no greater number than the one before')
  await assert.rejects(index.update('id-1', { metadata: 1 }, { ifSeq: seq }), conflict('id-1', seq, now))
  const absent = index.upsert('id-1', vectors[3]!, null, { ifAbsent: true })
  await assert.rejects(absent, conflict('id-1', null, now))
  await assert.rejects(index.delete('nobody', { ifSeq: now }), conflict('nobody', now, null))
  const batch = index.batch([
    { type: 'delete', id: 'id-0' },
    { type: 'update', id: 'id-1', metadata: 1, ifSeq: seq },
  ])
  await assert.rejects(batch, conflict('id-1', seq, now))
  const transaction = index.transaction(async (inner) => {
    await inner.delete('id-0')
    await inner.upsert('id-1', vectors[0]!, null, { ifSeq: seq })
  })
  await assert.rejects(transaction, conflict('id-1', seq, now))
  assert.ok(index.has('id-0'), 'a part of what was refused was done')
  await index.transaction(async (inner) => {
    const stored = await inner.get('id-1')
    assert.equal(stored?.seq, now)
    await inner.update('id-1', { metadata: { at: 'read' } })
    assert.deepEqual((await inner.get('id-1'))?.metadata, { at: 'read' })
  })
  assert.equal(await index.delete('id-2', { ifSeq: index.get('id-2')!.seq }), true)
}

/** Each of them is made once, however often it is asked for. */
async function askAgain(index: DurableIndex, vector: Float32Array): Promise<void> {
  await index.insert('keyed', vector, { n: 1 }, { idempotencyKey: 'insert' })
  assert.equal(await index.delete('keyed', { idempotencyKey: 'delete' }), true)
  assert.equal(await index.transaction(async () => 1, { idempotencyKey: 'insert' }).catch(() => 'no'), 'no')
  const other = index.insert('keyed', vector, { n: 2 }, { idempotencyKey: 'insert' })
  await assert.rejects(other, { code: 'WALV_CONFLICT', fate: 'not-logged' })
  assert.equal(index.has('keyed'), false)
}

async function checkVersions(subject: IndexSubject, options: Options): Promise<void> {
  const directory = await subject.directory()
  const vectors = vectorsFor(await subject.make(), 20)
  const index = await open(subject, directory, options)
  await change(index, vectors)
  await askAgain(index, vectors[0]!)
  await index.checkpoint()
  await index.update('id-5', { metadata: 'behind' }, { ifSeq: index.get('id-5')!.seq })
  const left = [numbersOf(index), index.fingerprint()]
  await index.close()
  const again = await open(subject, directory, options)
  await askAgain(again, vectors[0]!)
  assert.deepEqual([numbersOf(again), again.fingerprint()], left)
  await again.close()
}

async function checkMember(subject: IndexSubject): Promise<void> {
  const directory = await subject.directory()
  const vectors = vectorsFor(await subject.make(), 20)
  const leader = await open(subject, directory, { share: true })
  const member = await open(subject, directory, { share: true })
  assert.equal(member.role, 'member')
  await change(member, vectors)
  await askAgain(member, vectors[0]!)
  await leader.close()
  await askAgain(member, vectors[0]!)
  const left = [numbersOf(member), member.fingerprint()]
  await member.close()
  const alone = await open(subject, directory, {})
  assert.deepEqual([numbersOf(alone), alone.fingerprint()], left)
  await askAgain(alone, vectors[0]!)
  await alone.close()
}

/** What a `DurableIndex` over it says of numbers, conditions and keys. */
export const indexVersions: Checks<IndexSubject> = {
  'a DurableIndex over it makes changes only of what is as expected, and each key once': (subject) =>
    checkVersions(subject, {}),

  'the same of one that leads a directory that is shared': (subject) =>
    checkVersions(subject, { share: true }),

  'the same of one that hands its changes to another': checkMember,
}
