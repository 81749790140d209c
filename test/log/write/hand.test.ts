/** What is handed over without a promise is told of as an append is, and at the same place. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogWaiter } from '../../../src/log/log.ts'
import { insert } from '../../support/kit.ts'
import { logWithOne } from './writing.ts'

class Told implements LogWaiter {
  readonly order: unknown[]
  readonly #name: string

  constructor(order: unknown[], name: string) {
    this.order = order
    this.#name = name
  }

  logged(seq: number): void {
    this.order.push([this.#name, seq])
  }

  refused(error: Error): void {
    this.order.push([this.#name, (error as { code?: string }).code])
  }
}

test('numbers are those of the order of the calls, whichever way they were made', async () => {
  const { wal } = await logWithOne()
  const order: unknown[] = []
  wal.hand(insert('a', []), new Told(order, 'a'))
  const appended = wal.append(insert('b', []))
  wal.hand(insert('c', []), new Told(order, 'c'))
  assert.deepEqual(order, [], 'nothing is told before it is durable')
  assert.equal(await appended, 2)
  assert.deepEqual(order, [
    ['a', 1],
    ['c', 3],
  ])
  assert.equal(wal.durableSeq, 3)
})

test('what the disk refuses is told to each, and its number is free again', async () => {
  const { wal, disk } = await logWithOne()
  const order: unknown[] = []
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 0 })
  wal.hand(insert('a', []), new Told(order, 'a'))
  const appended = wal.append(insert('b', []))
  wal.hand(insert('c', []), new Told(order, 'c'))
  await assert.rejects(appended, { code: 'WALV_DISK_FULL', fate: 'not-logged' })
  assert.deepEqual(order, [
    ['a', 'WALV_DISK_FULL'],
    ['c', 'WALV_DISK_FULL'],
  ])
  assert.equal(await wal.append(insert('d', [])), 1)
})

test('what can be refused at once is thrown, and nobody is told', async () => {
  const { wal } = await logWithOne()
  const order: unknown[] = []
  assert.throws(() => wal.hand(insert('', []), new Told(order, 'bad')), { code: 'WALV_INVALID_ID' })
  await wal.close()
  assert.throws(() => wal.hand(insert('late', []), new Told(order, 'late')), { code: 'WALV_CLOSED' })
  assert.deepEqual(order, [])
})
