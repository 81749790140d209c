import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenReaders } from '../../../src/log/read/open-readers.ts'
import type { RecordReader } from '../../../src/log/read/record-reader.ts'

test('readers that have come to their end are not kept, however many there were; one that has not is closed', async () => {
  const readers = new OpenReaders()
  let closed = 0
  const readerOf = (isOpen: boolean): RecordReader => {
    const reader = { isOpen, close: async () => closed++ }
    return readers.add(reader as unknown as RecordReader)
  }
  const held = [readerOf(true), ...Array.from({ length: 1000 }, () => readerOf(false)), readerOf(true)]
  await readers.close()
  assert.equal(held.length, 1002)
  assert.ok(closed >= 2 && closed < 100, `${closed} of 1002 were closed`)
})
