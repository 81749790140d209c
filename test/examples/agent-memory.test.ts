import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Example } from './started.ts'

test('an agent remembers from one process to the next', async (t) => {
  const example = new Example(t, 'agent-memory')
  const main = (...args: string[]) => example.run('main.js', ...args)
  await main('remember', 'Anna likes her tea without sugar')
  await main('remember', 'Anna is allergic to nuts')
  await main('remember', 'The office closes at six')
  const recalled = await main('recall', 'what does Anna drink, tea or coffee?')
  assert.equal(recalled.length, 3)
  assert.match(recalled[0]!, /^0\.\d\d Anna likes her tea without sugar$/)

  await main('consolidate', 'Anna: tea without sugar, no nuts')
  const after = (await main('recall', 'Anna')).map((line) => line.slice('0.00 '.length))
  assert.deepEqual(after.sort(), ['Anna: tea without sugar, no nuts', 'The office closes at six'])
})
