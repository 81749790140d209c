import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { canAsk, confirm } from '../../src/cli/ask.ts'

/** What is answered, and all that the asked one sees. */
async function asked(answer: string): Promise<{ yes: boolean; seen: string }> {
  const [input, output] = [new PassThrough(), new PassThrough()]
  input.end(answer)
  const yes = await confirm('Repair?', { input, output })
  output.end()
  return { yes, seen: await text(output) }
}

test('Only y and yes are a yes; anything else is a no, and so is the end of the input', async () => {
  for (const answer of ['y\n', 'Y\n', ' yes \n', 'YES\n'])
    assert.equal((await asked(answer)).yes, true, answer)
  for (const answer of ['n\n', '\n', 'no\n', 'yesterday\n', 'ja\n', '', 'y', 'x\ny\n'])
    assert.equal((await asked(answer)).yes, false, answer)
})

test('The question says what counts without an answer, and a line is ended that nobody ended', async () => {
  assert.equal((await asked('n\n')).seen, 'Repair? [y/N] ')
  assert.equal((await asked('')).seen, 'Repair? [y/N] \n')
})

test('There is somebody to ask only where both sides are a terminal', () => {
  const terminal = (input: boolean, output: boolean) => ({
    input: Object.assign(new PassThrough(), { isTTY: input }),
    output: Object.assign(new PassThrough(), { isTTY: output }),
  })
  assert.deepEqual(
    [terminal(true, true), terminal(true, false), terminal(false, true), terminal(false, false)].map(canAsk),
    [true, false, false, false],
  )
})
