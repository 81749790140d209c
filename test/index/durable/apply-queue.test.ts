import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApplyQueue } from '../../../src/index/durable/apply-queue.ts'
import { IndexState } from '../../../src/index/durable/index-state.ts'
import { type BatchMember, flat, Random } from '../../support/kit.ts'

/** A change whose answer is given when the test says so. */
interface Asked {
  readonly seq: number
  readonly answer: (refused: boolean) => void
  readonly done: Promise<string>
}

const upsert = (value: number): BatchMember => ({
  type: 'insert',
  id: `id-${value % 3}`,
  vector: Float32Array.of(value),
  metadata: null,
  replace: true,
})

function ask(queue: ApplyQueue, seq: number): Asked {
  let resolve!: (seq: number) => void
  let reject!: (error: Error) => void
  const promise = new Promise<number>((...settle) => {
    ;[resolve, reject] = settle
  })
  const done = queue
    .add(promise, { entries: [upsert(seq)] }, () => {})
    .then(
      () => 'applied',
      (error) => (error as Error).message,
    )
  return { seq, done, answer: (refused) => (refused ? reject(new Error(`${seq} is refused`)) : resolve(seq)) }
}

test('in whatever order the log answers, changes are applied in the order in which they were handed to it', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed)
    const state = new IndexState(flat({ dimensions: 1, metric: 'l2' }))
    const queue = new ApplyQueue(state, 'nowhere', -1)
    const asked = Array.from({ length: 12 }, (_, seq) => ask(queue, seq))
    const isRefused = asked.map(() => random.chance(0.2))
    const isAnswered = asked.map(() => false)
    for (const { seq, answer } of random.shuffle([...asked])) {
      answer(isRefused[seq]!)
      isAnswered[seq] = true
      await new Promise(setImmediate)
      const reached = isAnswered.indexOf(false) < 0 ? asked.length : isAnswered.indexOf(false)
      const applied = asked.filter(({ seq }) => seq < reached && !isRefused[seq])
      assert.equal(queue.appliedSeq, applied.at(-1)?.seq ?? -1, `seed ${seed}`)
      for (const id of [0, 1, 2]) {
        const last = applied.findLast(({ seq }) => seq % 3 === id)
        const entry = state.catalog.get(`id-${id}`)
        assert.deepEqual(entry && [...state.index.get(entry.label)], last && [last.seq], `seed ${seed}`)
      }
    }
    const told = await Promise.all(asked.map(({ done }) => done))
    assert.deepEqual(
      told,
      isRefused.map((refused, seq) => (refused ? `${seq} is refused` : 'applied')),
    )
  }
})
