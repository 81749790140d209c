import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { flat, kill, openIndex, temporaryDirectory } from '../support/kit.ts'
import { McpSession, ToolError } from './mcp-session.ts'
import { Example } from './started.ts'

async function place(t: TestContext): Promise<{ folder: string; directory: string }> {
  return {
    folder: new Example(t, 'mcp-memory').folder,
    directory: join(await temporaryDirectory(t), 'memory'),
  }
}

const refused = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ToolError, String(error))
  assert.match(error.message, message)
  return true
}

/** What one session changed, the other sees a moment later. */
async function untilRecalls(session: McpSession, text: string, expected: readonly string[]): Promise<void> {
  let found: string[] = []
  for (let left = 500; left > 0; left--) {
    found = (await session.recall(text)).map(({ memory }) => memory)
    if (found.join() === expected.join()) return
  }
  assert.deepEqual(found, expected)
}

test('what one session remembers, another recalls, forgets and brings back', async (t) => {
  const { folder, directory } = await place(t)
  const one = await McpSession.start(t, folder, directory)
  const two = await McpSession.start(t, folder, directory)
  assert.deepEqual(await two.recall('tea'), [])
  await assert.rejects(two.undo(), refused(/^This server has changed nothing yet/))

  const tea = 'Anna likes her tea without sugar'
  const id = await one.remember(tea)
  assert.notEqual(await one.remember('The office closes at six'), id)
  const [nearest, ...others] = await one.recall('what does Anna drink, tea or coffee?')
  assert.deepEqual([nearest?.id, nearest?.memory, others.length], [id, tea, 1])
  assert.equal((await one.recall('tea', 1)).length, 1)
  await untilRecalls(two, 'tea', [tea, 'The office closes at six'])

  await two.forget(id)
  assert.deepEqual((await two.recall('tea')).length, 1)
  await assert.rejects(one.forget(id), refused(/^There is no memory/))
  assert.deepEqual(await two.undo(), { id, undone: 'forget', memory: tea })
  assert.deepEqual(await two.undo(), { id, undone: 'remember', memory: tea }, 'an undo is undone')
  assert.deepEqual(await two.undo(), { id, undone: 'forget', memory: tea }, 'and done again')
  await untilRecalls(one, 'tea', [tea, 'The office closes at six'])
})

test('undo takes back the own change, unless another session came after it', async (t) => {
  const { folder, directory } = await place(t)
  const one = await McpSession.start(t, folder, directory)
  const two = await McpSession.start(t, folder, directory)
  const id = await one.remember('The key is under the mat')
  await two.forget(id)
  await assert.rejects(one.undo(), refused(/^Another client has changed [-\da-f]+ since/))
  assert.equal((await one.undo(id)).undone, 'forget')
  const answers = await Promise.allSettled([one.forget(id), two.forget(id)])
  assert.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], 'one of them did')
  await one.close()

  const again = await McpSession.start(t, folder, directory)
  await assert.rejects(again.undo(), refused(/^This server has changed nothing yet/))
  assert.equal((await again.undo(id)).memory, 'The key is under the mat')
  assert.equal((await again.recall('key'))[0]?.id, id)
})

test('wrong input is refused with a reason, and an error of walv with its code', async (t) => {
  const { folder, directory } = await place(t)
  const session = await McpSession.start(t, folder, directory)
  await assert.rejects(session.remember(' '), refused(/Invalid arguments for tool remember.* at text/))
  await assert.rejects(session.recall('a', 101), refused(/Invalid arguments for tool recall.* at limit/))
  await assert.rejects(session.forget(''), refused(/^WALV_INVALID_ID: An id must not be empty/))
  await assert.rejects(session.undo('unheard-of'), refused(/^No change of unheard-of is kept/))
  assert.deepEqual(await session.recall('anything'), [])
  assert.deepEqual(session.protocolErrors, [])
})

const request = (id: number, method: string, params: object): string =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`
const REMEMBER =
  request(1, 'initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'a pipe', version: '1' },
  }) + request(2, 'tools/call', { name: 'remember', arguments: { text: 'It ends well' } })

for (const end of ['end', 'SIGTERM', 'SIGINT'] as const)
  test(`the server answers what it was asked and ends, told by ${end}`, async (t) => {
    const { folder, directory } = await place(t)
    const child = spawn(process.execPath, ['server.js'], {
      cwd: folder,
      env: { ...process.env, MEMORY_DIRECTORY: directory },
    })
    t.after(() => kill(child))
    const exited = once(child, 'exit')
    child.stdin.write(REMEMBER)
    if (end === 'end') child.stdin.end()
    const answers: { readonly id: number; readonly result: object }[] = []
    // Each line is of the protocol: JSON.parse throws on any other.
    for await (const line of createInterface(child.stdout)) {
      answers.push(JSON.parse(line))
      if (answers.length === 2 && end !== 'end') child.kill(end)
    }
    assert.deepEqual(
      answers.map(({ id }) => id),
      [1, 2],
    )
    assert.ok('structuredContent' in answers[1]!.result)
    assert.deepEqual(await exited, [0, null])
    const index = await openIndex(t, { directory, index: flat({ dimensions: 256 }) })
    assert.equal(index.size, 1)
  })

test('a server that cannot open its memory says why, and ends', async (t) => {
  const { folder, directory } = await place(t)
  await openIndex(t, { directory, index: flat({ dimensions: 256 }) })
  const endOf = async (...args: string[]): Promise<{ code: number; said: string }> => {
    const child = spawn(process.execPath, ['server.js', ...args], { cwd: folder, stdio: 'pipe' })
    t.after(() => kill(child))
    let said = ''
    child.stderr.on('data', (piece) => {
      said += piece
    })
    child.stdout.on('data', () => assert.fail('it wrote to standard output'))
    const [code] = (await once(child, 'close')) as [number]
    return { code, said }
  }
  const locked = await endOf(directory)
  assert.equal(locked.code, 1)
  assert.match(locked.said, /WALV_LOCKED/)
  const nowhere = await endOf()
  assert.equal(nowhere.code, 2)
  assert.match(nowhere.said, /^Say where the memories are/)
})
