import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { alter, appendAll, names, openWal, temporaryDirectory } from '../../support/kit.ts'
import { assertRefused, walv } from './program.ts'

test('cursors lists how far each is, and drops one', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('a', 12))
  assert.match((await walv('cursors', directory)).stdout, /There is no cursor/)
  await (await wal.cursor('search', { from: 3 })).close()
  await wal.cursor('mirror', { from: 'begin', maxHeldBytes: 1024 ** 2 })
  const { stdout, code } = await walv('cursors', directory)
  assert.equal(code, 0)
  assert.match(stdout, /^mirror +through nothing yet +12 records behind \(256 KiB\) +0 bytes of 1 MiB kept/m)
  assert.match(stdout, /^search +through 2 +9 records behind/m)
  const lines = (await walv('cursors', directory, '--json')).stdout.trimEnd().split('\n')
  assert.deepEqual(JSON.parse(lines[1]!), {
    cursor: {
      name: 'search',
      maxHeldBytes: 1024 ** 3,
      recordsBehind: 9,
      bytesBehind: 256 * 1024,
      heldBytes: 0,
      position: '2',
      problem: null,
    },
  })
  await assertRefused(['cursors', directory, '--drop', 'mirror'], 2, 'WALV_LOCKED', /is open in process/)
  assert.equal((await walv('cursors', directory, '--drop', 'search')).code, 0)
  assert.equal((await wal.cursors()).length, 1)
  await assertRefused(['cursors', directory, '--drop', 'search'], 1, 'WALV_NOT_FOUND', /no cursor search/)
})

test('a cursor that cannot go on is told by cursors and doctor, and is no damage of the log', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('a', 3))
  await (await wal.cursor('search')).close()
  await alter(join(directory, 'cursors', 'search.json'), (content) => content.subarray(1))
  const listed = await walv('cursors', directory)
  assert.equal(listed.code, 1)
  assert.match(listed.stdout, /search +damaged[\s\S]*Where the cursor search stood is not known/)
  const doctor = await walv('doctor', directory)
  assert.equal(doctor.code, 0)
  assert.match(doctor.stdout, /Healthy[\s\S]*cursors\/search\.json is damaged/)
  const { diagnosis } = JSON.parse((await walv('doctor', directory, '--json')).stdout)
  assert.deepEqual(
    diagnosis.stuckCursors.map(({ name }: { name: string }) => name),
    ['search'],
  )
  const verified = await walv('verify', directory)
  assert.equal(verified.code, 0)
})
