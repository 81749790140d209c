import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('./unclosed-child.js', import.meta.url))

const run = (way: string): readonly [status: number | null, stdout: string, stderr: string] => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', CHILD, way], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return [status, stdout, stderr]
}

test('the thread of a graph does not keep a process running, but while somebody waits for it', () => {
  assert.deepEqual(run('leaves'), [0, '', ''])
  assert.deepEqual(run('waits'), [0, 'answered\n', ''])
})

const linux = { skip: process.platform !== 'linux' }

test('the thread of an index that nobody has any more ends, though it was not closed', linux, () => {
  assert.deepEqual(run('forgets'), [0, 'forgotten\n', ''])
})
