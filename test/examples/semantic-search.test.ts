import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Example } from './started.ts'

test('what is near in meaning is found with other words, also by the next process', async (t) => {
  const example = new Example(t, 'semantic-search')
  const first = async (question: string): Promise<string> =>
    (await example.run('main.js', question))[0]!.slice(5)
  assert.equal(await first('a boat on the sea'), 'The ship left the harbor at night.')
  assert.equal(await first('nurse and medicine'), 'Doctors treat patients in the hospital.')
  assert.equal(await first('violin concert'), 'The orchestra played a symphony.')
})
