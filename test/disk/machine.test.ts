/** A runtime that does not let the machine be asked, as Deno without `--allow-sys`. */
import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { type TestContext, test } from 'node:test'
import { appendAll, diagnose, idsIn, openWal, refusal, temporaryDirectory, Wal } from '../support/kit.ts'

function forbid(t: TestContext, ...names: readonly ('hostname' | 'uptime')[]): void {
  const before = { hostname: os.hostname, uptime: os.uptime }
  for (const name of names)
    os[name] = () => {
      throw Object.assign(new Error(`Requires sys access to "${name}"`), { code: 'ERR_ACCESS' })
    }
  syncBuiltinESMExports()
  t.after(() => {
    Object.assign(os, before)
    syncBuiltinESMExports()
  })
}

test('where the name of the machine may not be asked, a log is written, and a second writer refused', async (t) => {
  forbid(t, 'hostname')
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, ['a'])
  await assert.rejects(Wal.open({ directory }), (error: Error) => {
    assert.match(error.message, new RegExp(`in process ${process.pid} on a machine whose name may not be`))
    return refusal('WALV_LOCKED')(error)
  })
  const { writer } = await diagnose({ directory })
  assert.deepEqual([writer?.pid, writer?.alive], [process.pid, null])
  await wal.close()
  assert.deepEqual(await idsIn(await openWal(t, { directory })), ['a'])
})

test('where it may not be asked for how long the machine runs, doctor still names the writer', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  forbid(t, 'uptime')
  const { writer } = await diagnose({ directory })
  assert.deepEqual([writer?.pid, writer?.alive], [process.pid, true])
  await wal.close()
})
