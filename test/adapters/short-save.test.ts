import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ENGINES } from './engines.ts'

const CHILD = fileURLToPath(new URL('./short-save-child.js', import.meta.url))

for (const name of Object.keys(ENGINES)) {
  test(`a file that ${name} could not write to its end is no snapshot`, () => {
    // 50 KiB: the graph is larger.
    const command = ['-c', 'ulimit -f 100 && exec "$@"', 'sh', process.execPath, CHILD, name]
    const { status, stderr } = spawnSync('sh', command, { encoding: 'utf8', timeout: 60_000 })
    assert.equal(status, 0, stderr)
  })
}
