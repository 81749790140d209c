import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('./thread-end-child.js', import.meta.url))

for (const engine of ['hnswlib', 'usearch']) {
  for (const way of ['close', 'exit', 'fall idle']) {
    test(`${engine}: a process may ${way} while the graph is built, and ends in order`, async () => {
      for (let turns = 5; turns < 45; turns += 12) {
        const child = spawn(process.execPath, [CHILD, engine, way, String(turns)], {
          stdio: ['ignore', 'ignore', 'pipe'],
        })
        let told = ''
        child.stderr.setEncoding('utf8').on('data', (text) => {
          told += text
        })
        const [code, signal] = await once(child, 'close')
        assert.deepEqual({ code, signal }, { code: 0, signal: null }, told.slice(0, 300))
      }
    })
  }
}
