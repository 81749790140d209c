import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { conditionEntry } from '../../../src/format/condition.ts'
import { appendAll, insert, openWal, temporaryDirectory } from '../../support/kit.ts'
import { assertRefused, MAIN } from './program.ts'

test('tail prints what takes effect as it does, and ends when it is told to', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('a'))
  const child = spawn(process.execPath, [MAIN, 'tail', directory, '--from', '0', '--json'])
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { seq, id } = JSON.parse((await lines.next()).value)
    return [seq, id]
  }
  assert.deepEqual(await next(), ['0', 'a'])
  const transaction = wal.begin()
  transaction.append(insert('b'))
  await wal.append(insert('c'))
  await transaction.commit()
  assert.deepEqual(await next(), ['3', 'c'])
  assert.deepEqual(await next(), ['4', 'b'])
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  assert.deepEqual(await ended, [null, 'SIGINT'])
})

test('tail marks what takes effect only if a condition holds, in a transaction too', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const condition = conditionEntry({ expects: [{ id: 'a', seq: 7 }] })
  await wal.append(insert('a'))
  await wal.appendBatch([condition, insert('b')])
  const transaction = wal.begin()
  transaction.append(insert('c'))
  transaction.append(condition)
  await transaction.commit()
  const printed = async (count: number, ...options: string[]): Promise<string[]> => {
    const child = spawn(process.execPath, [MAIN, 'tail', directory, '--from', '0', ...options])
    t.after(() => child.kill('SIGKILL'))
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) if (lines.push(line) === count) break
    child.kill('SIGKILL')
    return lines
  }
  const marks = (await printed(4)).map((line) => line.includes('(if its condition holds)'))
  assert.deepEqual(marks, [false, true, true, true])
  const members = (await printed(4, '--json')).map((line) => JSON.parse(line).conditional)
  assert.deepEqual(members, [undefined, true, true, true])
  const log = spawn(process.execPath, [MAIN, 'log', directory, '--committed', '--json'])
  const told = []
  for await (const line of createInterface({ input: log.stdout })) told.push(JSON.parse(line).conditional)
  assert.deepEqual(told, members)
})

test('tail with a cursor goes on where the one before it has ended', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, ['a', 'b'])
  const printed = async (count: number): Promise<string[]> => {
    const child = spawn(process.execPath, [
      ...[MAIN, 'tail', directory, '--cursor', 'printer', '--from', '0', '--json'],
    ])
    t.after(() => child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ids: string[] = []
    while (ids.length < count) ids.push(JSON.parse((await lines.next()).value).id)
    const { lastSeq } = wal
    for (let position: number | undefined; position !== lastSeq; await delay(5))
      position = (await wal.cursors())[0]?.position
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    return ids
  }
  assert.deepEqual(await printed(2), ['a', 'b'])
  await appendAll(wal, ['c', 'd'])
  assert.deepEqual(await printed(2), ['c', 'd'])
})

test('tail refuses a directory without a log', async (t) => {
  await assertRefused(['tail', await temporaryDirectory(t)], 1, 'WALV_NOT_FOUND', /There is no log/)
})
