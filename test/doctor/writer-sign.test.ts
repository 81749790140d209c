import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { diagnose, kill, startWriter, temporaryDirectory, writeLog } from '../support/kit.ts'

test('Beside a living writer all is healthy, and the writer is named; one that was killed has left its name', async (t) => {
  const directory = await temporaryDirectory(t)
  const { child } = await startWriter(t, { directory, count: 20 })
  const beside = await diagnose({ directory })
  assert.deepEqual([beside.verdict, beside.recoverable?.records], ['healthy', 20])
  const { startedAt, ...sign } = beside.writer!
  assert.deepEqual(sign, { pid: child.pid, host: hostname(), alive: true })
  assert.ok(Math.abs(Date.parse(startedAt) - Date.now()) < 600_000)
  await kill(child)
  const after = await diagnose({ directory })
  assert.deepEqual([after.verdict, after.writer?.alive], ['healthy', false])
  await writeLog(directory, ['z'])
  assert.equal((await diagnose({ directory })).writer, undefined)
})

test('Of a writer that has signed it is told whether it lives, as far as can be seen from here', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['a'])
  const signed = async (text: string) => {
    await writeFile(join(directory, 'LOCK'), text)
    return (await diagnose({ directory })).writer
  }
  const now = new Date().toISOString()
  const here = { pid: process.pid, host: hostname(), startedAt: now }
  assert.deepEqual(await signed(`${JSON.stringify(here)}\n`), { ...here, alive: true })
  // Its number belongs to another process by now: this machine has started since.
  const before = { ...here, startedAt: new Date(0).toISOString() }
  assert.deepEqual(await signed(`${JSON.stringify(before)}\n`), { ...before, alive: false })
  const elsewhere = { ...here, host: 'elsewhere.example' }
  assert.deepEqual(await signed(`${JSON.stringify(elsewhere)}\n`), { ...elsewhere, alive: null })
  const undecodable = [
    '{"pid":"1","host":"h","startedAt":"t"}',
    '{"pid":1,"host":5,"startedAt":"t"}',
    '{"pid":1,"host":"h","startedAt":5}',
  ]
  for (const text of ['', '{"pid":1', 'null', '[1,2,3]', ...undecodable])
    assert.equal(await signed(text), undefined)
  // A process of another user lives, although it takes no signal from here.
  for (const [code, alive] of [
    ['EPERM', true],
    ['ESRCH', false],
    ['NotCapable', null],
  ] as const) {
    const { kill: original } = process
    process.kill = () => {
      throw Object.assign(new Error(code), { code })
    }
    const found = await signed(JSON.stringify(here)).finally(() => {
      process.kill = original
    })
    assert.deepEqual(found, { ...here, alive })
  }
})
