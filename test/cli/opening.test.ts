import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { countVectors } from '../../src/cli/live-ids.ts'
import { lookAgain, openToLook } from '../../src/cli/opening.ts'
import { collect, type DurableIndex, flat, openIndex, refusal, temporaryDirectory } from '../support/kit.ts'

/** An index whose every checkpoint removes the snapshot before. */
async function indexWithOneSnapshot(t: TestContext): Promise<{ directory: string; index: DurableIndex }> {
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, { directory, index: flat({ dimensions: 2 }), checkpointRetention: 1 })
  await index.insert('a', [1, 2])
  await index.checkpoint()
  return { directory, index }
}

test('What a live writer lets go of before it is read is looked at again', async (t) => {
  const { directory, index } = await indexWithOneSnapshot(t)
  let looks = 0
  async function* counted(): AsyncGenerator<number | undefined> {
    const wal = await openToLook(directory)
    if (++looks === 1) {
      await index.insert('b', [1, 2])
      await index.checkpoint()
    }
    yield await countVectors(wal)
  }
  assert.deepEqual(await collect(lookAgain(counted)), [2])
  assert.equal(looks, 2)
})

const readWhatIsNotThere = async (directory: string): Promise<void> => {
  const { snapshot } = await openToLook(directory)
  await collect(snapshot!.read('nothing'))
}

test('It is not looked again once something was told, nor for ever, nor for another reason', async (t) => {
  const { directory } = await indexWithOneSnapshot(t)
  let looks = 0
  async function* told(): AsyncGenerator<string> {
    looks++
    yield 'told'
    await readWhatIsNotThere(directory)
  }
  await assert.rejects(collect(lookAgain(told)), refusal('WALV_IO'))
  assert.equal(looks, 1)

  async function* gone(): AsyncGenerator<string> {
    looks++
    await readWhatIsNotThere(directory)
    yield 'told'
  }
  await assert.rejects(collect(lookAgain(gone)), refusal('WALV_IO'))
  assert.equal(looks, 21)

  async function* elsewhere(): AsyncGenerator<string> {
    looks++
    await openToLook(`${directory}/x`)
    yield 'told'
  }
  await assert.rejects(collect(lookAgain(elsewhere)), refusal('WALV_NO_DIRECTORY'))
  assert.equal(looks, 22)
})
