import assert from 'node:assert/strict'
import { readdir, symlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFile } from '../../src/disk/lock.ts'
import {
  alter,
  appendAll,
  closing,
  idsIn,
  insert,
  kill,
  names,
  openWal,
  refusal,
  segmentsIn,
  startWriter,
  temporaryDirectory,
  Wal,
  type WalError,
  writeLog,
} from '../support/kit.ts'

/** The refusal of a second writer that names the first. */
const namesHolder = (pid: number | undefined) => (error: WalError) => {
  assert.match(error.message, new RegExp(`in process ${pid} on ${hostname()} since \\d{4}-\\d\\d-\\d\\dT`))
  assert.equal(JSON.parse(error.detail as string).pid, pid)
  return refusal('WALV_LOCKED')(error)
}

test('a second writer in the same process is refused, and the refusal names pid and host', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await assert.rejects(Wal.open({ directory }), namesHolder(process.pid))
  await appendAll(wal, names('id', 3))
  await wal.close()
  assert.deepEqual(await idsIn(await openWal(t, { directory })), names('id', 3))
})

test('the refusal of a second writer in one process says that it is this process, and what to do there', async (t) => {
  const directory = await temporaryDirectory(t)
  await openWal(t, { directory })
  await assert.rejects(Wal.open({ directory }), {
    code: 'WALV_LOCKED',
    message:
      /open for writing in process \d+ on .*, this very process\. .*globalThis, or close it first, or open it here/,
  })
  const { child } = await startWriter(t, { directory: `${directory}/other`, count: 0 })
  await assert.rejects(Wal.open({ directory: `${directory}/other` }), ({ message }: WalError) => {
    assert.match(message, new RegExp(`in process ${child.pid} on .*\\. Close it there, or open it here`))
    return true
  })
})

test('opening waits for the lock as long as it is told to, and no longer than the holder has it', async (t) => {
  const directory = await temporaryDirectory(t)
  const holder = await openWal(t, { directory })
  const waiting = Wal.open({ directory, lockWaitMs: 60_000 })
  await holder.append(insert('before'))
  await holder.close()
  const next = closing(t, await waiting)
  assert.deepEqual(await idsIn(next), ['before'])
  const began = performance.now()
  await assert.rejects(Wal.open({ directory, lockWaitMs: 70 }), {
    code: 'WALV_LOCKED',
    message: /Waited for it for 70 ms\./,
  })
  assert.ok(performance.now() - began >= 70)
})

test('waiting for the lock ends when the signal is aborted, and nothing was opened', async (t) => {
  const directory = await temporaryDirectory(t)
  const holder = await openWal(t, { directory })
  const control = new AbortController()
  const waiting = Wal.open({ directory, lockWaitMs: 60_000, signal: control.signal })
  const refused = assert.rejects(waiting, refusal('WALV_ABORTED'))
  await holder.append(insert('meanwhile'))
  control.abort()
  await refused
  await holder.close()
  await openWal(t, { directory })
})

test('a second writer through a symbolic link is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  const link = `${await temporaryDirectory(t)}/link`
  await symlink(directory, link)
  await openWal(t, { directory })
  await assert.rejects(Wal.open({ directory: link }), namesHolder(process.pid))
})

test('a second writer in another process is refused; once the holder is killed it gets in, and all is there', async (t) => {
  const directory = await temporaryDirectory(t)
  const { child, report } = await startWriter(t, { directory, count: 10 })
  assert.deepEqual(report, { acknowledged: 10 })
  await assert.rejects(Wal.open({ directory }), namesHolder(child.pid))
  await kill(child)
  assert.deepEqual(await idsIn(await openWal(t, { directory })), names('id', 10))
})

test('of what the holder of the lock says of itself no more than 200 characters are repeated', async (t) => {
  const directory = await temporaryDirectory(t)
  const owner = JSON.stringify({ pid: 1, host: 'h'.repeat(2000), startedAt: 's'.repeat(2000) })
  const lock = await lockFile(join(directory, 'LOCK'), owner)
  assert.ok(!lock.held)
  await assert.rejects(Wal.open({ directory }), (error: WalError) => {
    assert.match(error.message, /in process 1 on h{64}… since s{64}…\. Close it there/)
    return refusal('WALV_LOCKED')(error)
  })
  await lock.release()
})

test('an open that fails gives the directory free', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, names('id', 3))
  await alter((await segmentsIn(directory))[0]!, (content) => content.fill(1, 1024 + 80, 1024 + 90))
  for (let time = 0; time < 2; time++) await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
  const wal = await openWal(t, { directory, recovery: 'salvage' })
  assert.ok(wal.lastSeq >= 2)
})

test('readers need no lock and take none', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('id', 3))
  const readers = await Promise.all([1, 2, 3].map(() => openWal(t, { directory, readOnly: true })))
  for (const reader of readers) assert.deepEqual(await idsIn(reader), names('id', 3))
  await wal.close()
  await openWal(t, { directory })
})

test('a directory that is refused for what it holds is left as it is', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'wal-0.log'), 'what a log of format v1 is called')
  await assert.rejects(Wal.open({ directory }), refusal('WALV_V1_DIRECTORY'))
  assert.deepEqual(await readdir(directory), ['wal-0.log'])
})
