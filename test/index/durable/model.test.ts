/**
 * Random histories of an index against a `Map`: calls made at once must answer and act as if they
 * were made one after the other.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { DurableIndex, flat, type WalError, type WalErrorCode } from '../../support/kit.ts'

interface Change {
  readonly do: 'insert' | 'upsert' | 'update' | 'delete'
  readonly id: string
  readonly value: number
}

type Step =
  | { readonly do: 'together'; readonly changes: readonly Change[] }
  | { readonly do: 'batch' | 'transaction'; readonly changes: readonly Change[] }
  | { readonly do: 'reopen' | 'checkpoint' }

type Content = Map<string, number>

/**
 * Makes a change of the model; returns the code with which the index has to refuse it, if it cannot
 * be made.
 */
function apply(content: Content, { do: what, id, value }: Change): WalErrorCode | undefined {
  const there = content.has(id)
  if (what === 'insert' && there) return 'WALV_DUPLICATE_ID'
  if (what === 'update' && !there) return 'WALV_NOT_FOUND'
  if (what === 'delete') content.delete(id)
  else content.set(id, value)
  return undefined
}

/** The same for several that take effect together or not at all. */
function applyAll(content: Content, changes: readonly Change[]): WalErrorCode | undefined {
  const copy = new Map(content)
  const refused = changes.map((change) => apply(copy, change)).find((code) => code !== undefined)
  if (refused) return refused
  content.clear()
  for (const [id, value] of copy) content.set(id, value)
  return undefined
}

function make(index: DurableIndex, { do: what, id, value }: Change): Promise<unknown> {
  if (what === 'delete') return index.delete(id)
  if (what === 'update') return index.update(id, { vector: [value], metadata: value })
  return index[what](id, [value], value)
}

const codeOf = (work: Promise<unknown>): Promise<WalErrorCode | undefined> =>
  work.then(
    () => undefined,
    (error: WalError) => error.code,
  )

/** All changes as one batch. */
const batchOf = (index: DurableIndex, changes: readonly Change[]): Promise<unknown> =>
  index.batch(
    changes.map(({ do: what, id, value }) =>
      what === 'delete'
        ? ({ type: 'delete', id } as const)
        : ({ type: what, id, vector: [value], metadata: value } as const),
    ),
  )

const transactionOf = (index: DurableIndex, changes: readonly Change[]): Promise<unknown> =>
  index.transaction((transaction) => {
    for (const { do: what, id, value } of changes) {
      if (what === 'delete') transaction.delete(id)
      else if (what === 'update') transaction.update(id, { vector: [value], metadata: value })
      else transaction[what](id, [value], value)
    }
  })

const openIn = (directory: string): Promise<DurableIndex> =>
  DurableIndex.open({
    directory,
    index: flat({ dimensions: 1 }),
    checkpointIntervalEntries: 7,
    checkpointRetention: 1,
  })

/** Does a step to index and model; returns the index, which may have been opened again. */
async function take(
  directory: string,
  index: DurableIndex,
  content: Content,
  step: Step,
): Promise<DurableIndex> {
  switch (step.do) {
    case 'together': {
      const made = Promise.all(step.changes.map((change) => codeOf(make(index, change))))
      assert.deepEqual(
        await made,
        step.changes.map((change) => apply(content, change)),
      )
      return index
    }
    case 'batch':
      assert.equal(await codeOf(batchOf(index, step.changes)), applyAll(content, step.changes))
      return index
    case 'transaction':
      assert.equal(await codeOf(transactionOf(index, step.changes)), applyAll(content, step.changes))
      return index
    case 'checkpoint':
      await index.checkpoint()
      return index
    case 'reopen':
      await index.close()
      return openIn(directory)
  }
}

async function run(directory: string, steps: readonly Step[]): Promise<void> {
  const content: Content = new Map()
  let index = await openIn(directory)
  try {
    for (const step of steps) {
      const before = index.fingerprint()
      index = await take(directory, index, content, step)
      if (step.do === 'reopen') assert.equal(index.fingerprint(), before)
      assert.deepEqual(
        new Map([...index.ids()].map((id) => [id, [index.get(id)!.vector[0], index.get(id)!.metadata]])),
        new Map([...content].map(([id, value]) => [id, [value, value]])),
      )
    }
  } finally {
    await index.close()
  }
}

const change: fc.Arbitrary<Change> = fc.record({
  do: fc.constantFrom('insert' as const, 'upsert' as const, 'update' as const, 'delete' as const),
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  value: fc.nat(100),
})
const changes = fc.array(change, { minLength: 1, maxLength: 8 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('together' as const), changes }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('batch' as const, 'transaction' as const), changes }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('reopen' as const, 'checkpoint' as const) }) },
)

test('whatever is changed at once, in batches and in transactions, checkpointed and opened again, the index holds what a Map would', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
      const directory = await mkdtemp(join(tmpdir(), 'walv-model-'))
      try {
        await run(directory, steps)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: 60, includeErrorInReport: true },
  )
})
