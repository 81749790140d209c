import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OwnChanges } from '../../src/submission/own-changes.ts'
import { refusal, WalError } from '../support/kit.ts'

const SENT = new Uint8Array(8)

/** Some that are handed over, with what becomes of each. */
function handedOver(count: number): { own: OwnChanges; changes: Promise<unknown>[] } {
  const own = new OwnChanges(() => {})
  const changes = Array.from({ length: count }, () => own.add(0, () => SENT))
  for (const change of changes) change.catch(() => {})
  return { own, changes }
}

test('one that is not in the log when a later one is was refused, and may be tried again', async () => {
  const { own, changes } = handedOver(3)
  own.placed(2, { seq: 7 })
  await assert.rejects(changes[0]!, refusal('WALV_IO', 'not-logged'))
  assert.deepEqual(await changes[1], { seq: 7 })
  assert.deepEqual(
    [...own.waiting].map(({ number }) => number),
    [3],
  )
  assert.equal(own.bytes, SENT.length)
})

test('of one that may stand in what was not read nobody says that it was not logged', async () => {
  const { own, changes } = handedOver(2)
  own.passOver()
  changes.push(own.add(0, () => SENT))
  own.placed(2, { seq: 9 })
  await assert.rejects(changes[0]!, refusal('WALV_IO', 'unknown'))
  assert.deepEqual(await changes[1], { seq: 9 })
  own.failPassedOver()
  assert.deepEqual(
    [...own.waiting].map(({ number }) => number),
    [3],
    'that one was handed over later',
  )
})

test('what nobody found behind what was not read has a fate that is unknown, and is not sent again', async () => {
  const { own, changes } = handedOver(1)
  own.passOver()
  own.failPassedOver()
  await assert.rejects(changes[0]!, refusal('WALV_IO', 'unknown'))
  assert.equal(own.oldest, undefined)
})

test('where nothing more is read, those that wait may be in the log, and are told why nobody knows', async () => {
  const { own, changes } = handedOver(2)
  const cause = new WalError('WALV_DAMAGED', 'it does not verify', { file: '/d' })
  own.breakOff(cause)
  for (const change of changes) await assert.rejects(change, refusal('WALV_DAMAGED', 'unknown'))
  assert.equal(own.oldest, undefined)
})

test('one that cannot be handed over is as if it had never been asked for', async () => {
  const { own } = handedOver(1)
  assert.throws(() =>
    own.add(0, () => {
      throw new Error('no room')
    }),
  )
  const next = own.add(0, (number) => {
    assert.equal(number, 2)
    return SENT
  })
  own.placed(2, { seq: 1 })
  assert.deepEqual(await next, { seq: 1 })
})
