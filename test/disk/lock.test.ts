import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { mkdtempSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { tryLock } from 'fs-native-extensions'
import { lockFile } from '../../src/disk/lock.ts'
import type { DiskLock } from '../support/kit.ts'
import type { Command, Reply } from './lock-child.ts'

const CHILD = fileURLToPath(new URL('./lock-child.js', import.meta.url))

let directory: string
let path: string
let children: ChildProcess[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walv-lock-'))
  path = join(directory, 'LOCK')
  children = []
})

afterEach(async () => {
  await Promise.all(children.map(kill))
  fs.rmSync(directory, { recursive: true })
})

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function ready(child: ChildProcess): Promise<ChildProcess> {
  children.push(child)
  await once(child, 'message')
  return child
}

const start = (...options: string[]): Promise<ChildProcess> => ready(fork(CHILD, options))

async function tell(child: ChildProcess, command: Command): Promise<Reply> {
  const replied = once(child, 'message')
  child.send(command)
  const [reply] = await replied
  return reply
}

async function takeHere(owner = 'the test'): Promise<DiskLock> {
  const lock = await lockFile(path, owner)
  assert.ok(!lock.held, 'the lock was refused')
  return lock
}

test('a second lock in the same process is refused and told the owner, until the first is released', async () => {
  const first = await takeHere('first of this process')
  assert.deepEqual(await lockFile(path, 'second'), { held: true, owner: 'first of this process' })
  await first.release()
  await first.release()
  const second = await takeHere()
  await second.release()
  assert.ok(fs.existsSync(path), 'the lock file stays')
  assert.equal(fs.readFileSync(path, 'utf8'), '', 'and names nobody')
})

test('who asks at once is refused with what is there, and takes a lock that is free', async () => {
  const first = await takeHere('first')
  assert.deepEqual(await lockFile(path, 'second', true), { held: true, owner: 'first' })
  fs.writeFileSync(path, '{"half":')
  // Who waits for the text looks again, and so comes behind.
  const patient = lockFile(path, 'second').then(() => 'patient')
  const atOnce = lockFile(path, 'second', true)
  assert.equal(await Promise.race([patient, atOnce.then(() => 'at once')]), 'at once')
  assert.deepEqual(await atOnce, { held: true, owner: '' })
  await patient
  await first.release()
  const second = await lockFile(path, 'second', true)
  assert.ok(!second.held)
  await second.release()
})

test('releasing twice does not take the lock from the next holder', async () => {
  const first = await takeHere()
  await first.release()
  const second = await takeHere('second')
  await first.release()
  assert.deepEqual(await lockFile(path, 'third'), { held: true, owner: 'second' })
  await second.release()
})

test('a lock is held as long as its path leads to its file, whatever is done to that file', async () => {
  const away = `${directory}-away`
  const lost: [string, () => void][] = [
    ['removed', () => fs.rmSync(path)],
    ['replaced', () => fs.renameSync(fs.mkdtempSync(join(directory, 'x')), path)],
    ['the directory renamed', () => fs.renameSync(directory, away)],
    ['a file in the place of the directory', () => fs.writeFileSync(directory, '')],
  ]
  const held = await takeHere()
  fs.writeFileSync(path, 'what somebody writes into it')
  fs.chmodSync(path, 0o400)
  assert.equal(await held.isStillHeld(), true)
  try {
    for (const [what, lose] of lost) {
      lose()
      assert.equal(await held.isStillHeld(), false, what)
    }
  } finally {
    fs.rmSync(directory)
    fs.renameSync(away, directory)
    await held.release()
  }
  const next = await lockFile(join(directory, 'LOCK-2'), 'me')
  assert.ok(!next.held)
  await next.release()
  assert.equal(await next.isStillHeld(), false, 'released')
})

test('of two processes that open at the same instant exactly one wins, and the other is told who, 200 times', async () => {
  const racers = await Promise.all([start(), start()])
  for (let round = 0; round < 200; round++) {
    const atNs = String(process.hrtime.bigint() + 2_000_000n)
    const replies = await Promise.all(racers.map((child) => tell(child, { do: 'take', path, atNs })))
    const winner = replies.findIndex((reply) => reply.did === 'taken')
    const loser = replies.find((reply) => reply.did === 'refused')
    assert.ok(winner >= 0 && loser, `round ${round}: ${JSON.stringify(replies)}`)
    const { pid, host } = JSON.parse(loser.owner)
    assert.deepEqual({ pid, host }, { pid: racers[winner]!.pid, host: hostname() }, `round ${round}`)
    assert.equal((await tell(racers[winner]!, { do: 'release' })).did, 'released')
  }
})

test('a holder that is killed leaves the lock free at once', async () => {
  const holder = await start()
  assert.equal((await tell(holder, { do: 'take', path })).did, 'taken')
  assert.ok((await lockFile(path, 'too early')).held)
  await kill(holder)
  const lock = await takeHere('the heir')
  assert.equal(fs.readFileSync(path, 'utf8'), 'the heir\n')
  await lock.release()
})

test('a process spawned by the holder does not keep the lock of a holder that is killed', async () => {
  const holder = await start()
  assert.equal((await tell(holder, { do: 'take', path })).did, 'taken')
  const spawned = await tell(holder, { do: 'spawn' })
  assert.ok(spawned.did === 'spawned')
  try {
    await kill(holder)
    process.kill(spawned.pid, 0)
    await (await takeHere()).release()
  } finally {
    process.kill(spawned.pid, 'SIGKILL')
  }
})

test('a symbolic link to the directory leads to the same lock', async () => {
  const link = `${directory}-link`
  fs.symlinkSync(directory, link, 'junction')
  try {
    const lock = await takeHere('through the real name')
    assert.deepEqual(await lockFile(join(link, 'LOCK'), 'x'), { held: true, owner: 'through the real name' })
    await lock.release()
  } finally {
    fs.unlinkSync(link)
  }
})

test('the text of a dead process neither keeps the lock nor is taken for the text of the next holder', async () => {
  fs.writeFileSync(
    path,
    `${JSON.stringify({ pid: 1, note: 'long dead, and of a longer text than the next' })}\n`,
  )
  const lock = await takeHere('the living')
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: 'the living' })
  await lock.release()
})

test('a holder that has not yet written over the text of a dead one is still named rightly', async () => {
  fs.writeFileSync(path, 'the dead\n')
  const descriptor = fs.openSync(path, 'r+')
  assert.ok(
    tryLock(descriptor, process.platform === 'win32' ? 2 ** 40 : 0, process.platform === 'win32' ? 1 : 0),
  )
  const refused = lockFile(path, 'x')
  // By now it has looked once, and the timer of its second look cannot have run before an
  // immediate.
  await setImmediate()
  fs.writeFileSync(path, 'the new\n')
  assert.deepEqual(await refused, { held: true, owner: 'the new' })
  fs.closeSync(descriptor)
})

test('a text that is still being written is waited for, and one that never comes is reported as none', async () => {
  const lock = await takeHere()
  fs.writeFileSync(path, 'half of the te')
  const patient = lockFile(path, 'x')
  await setTimeout(20)
  fs.writeFileSync(path, 'half of the text\n')
  assert.deepEqual(await patient, { held: true, owner: 'half of the text' })
  fs.writeFileSync(path, 'half of the te')
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: '' })
  await lock.release()
})

test('a lock file replaced between its opening and its locking is not taken for the lock', async (t) => {
  const { openSync } = fs
  let opens = 0
  t.mock.method(fs, 'openSync', (...options: Parameters<typeof openSync>) => {
    const descriptor = openSync(...options)
    if (opens++ === 0) {
      fs.unlinkSync(path)
      fs.writeFileSync(path, '')
    }
    return descriptor
  })
  syncBuiltinESMExports()
  const lock = await takeHere('of the file in place')
  t.mock.restoreAll()
  syncBuiltinESMExports()
  assert.equal(opens, 2)
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: 'of the file in place' })
  await lock.release()
})

test('what the operating system says of a file that cannot be opened comes through', async () => {
  await assert.rejects(lockFile(join(directory, 'missing', 'LOCK'), 'x'), { code: 'ENOENT' })
  fs.writeFileSync(path, '')
  await assert.rejects(lockFile(join(path, 'LOCK'), 'x'), { code: 'ENOTDIR' })
  fs.chmodSync(path, 0o444)
  fs.chmodSync(directory, 0o555)
  const child = await start('--unprivileged')
  assert.deepEqual(await tell(child, { do: 'take', path }), { did: 'failed', code: 'EACCES' })
  assert.deepEqual(await tell(child, { do: 'take', path: join(directory, 'other') }), {
    did: 'failed',
    code: 'EACCES',
  })
  fs.chmodSync(directory, 0o755)
})

test('a disk that takes no more bytes does not keep the lock from being taken', async () => {
  const script = `ulimit -f 0; exec '${process.execPath}' '${CHILD}'`
  const child = await ready(spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }))
  assert.equal((await tell(child, { do: 'take', path })).did, 'taken')
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: '' })
})
