import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { usearch } from '../../src/adapters/usearch.ts'

const isLinux = process.platform === 'linux'

/** How nice each thread of this process is. */
function niceness(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  })
}

test('the thread of a graph leaves the processor to the others', {
  skip: !isLinux && 'Linux only',
}, async () => {
  const own = getPriority(0)
  const nicer = (): number => niceness().filter((each) => each === Math.min(own + 5, 19)).length
  assert.equal(nicer(), 0)
  const index = usearch({ dimensions: 4 })
  for (let label = 0; label < 1000; label++)
    index.set(
      label,
      Float32Array.from([1, 2, 3, 4], (n) => Math.sin(n * label + n)),
    )
  await index.caughtUp!()
  assert.equal(nicer(), 1)
  assert.equal(getPriority(0), own)
  await index.close!()
})
