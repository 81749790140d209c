import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../support/kit.ts'

const CHILD = fileURLToPath(new URL('./descriptors-child.js', import.meta.url))

test('without a file descriptor left, opening, rotation, reading and checkpoints fail with an error that says so, nothing is lost, and all works again later', async (t) => {
  const directory = await temporaryDirectory(t)
  const command = ['-c', 'ulimit -n 128 && exec "$@"', 'sh', process.execPath, CHILD, directory]
  const { status, stderr } = spawnSync('sh', command, { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
})
