import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodableInput } from '../../src/format/encode.ts'
import { KINDS, MessageReader, submissionOf, submitMessage } from '../../src/shared/messages.ts'
import { insert, nodeDisk, temporaryDirectory, until } from '../support/kit.ts'

/** Vectors of these lengths: small ones share memory, and the last is larger than that. */
const DIMENSIONS = [1, 3, 768, 2, 40_000, 5]

const entryOf = (number: number): ReturnType<typeof insert> => ({
  ...insert(`change-${number}`, []),
  vector: Float32Array.from({ length: DIMENSIONS[number]! }, (_, at) => at + number),
})

const messageOf = (number: number): Uint8Array =>
  submitMessage({ number, isTransaction: false, payloads: [encodableInput(entryOf(number))] })

const all = DIMENSIONS.map((_, number) => number)

test('messages are read as they were made, wherever they are cut', () => {
  const stream = Buffer.concat(all.map(messageOf))
  for (const pieceBytes of [1, 7, 8, 4_096, stream.length]) {
    const reader = new MessageReader()
    const read: { number: number; entry: unknown }[] = []
    for (let at = 0; at < stream.length; at += pieceBytes)
      reader.read(stream.subarray(at, at + pieceBytes), (message) => {
        assert.equal(message.kind, KINDS.submit)
        const { number, entries } = submissionOf(message)
        read.push({ number, entry: entries[0] })
      })
    assert.deepEqual(
      read,
      all.map((number) => ({ number, entry: entryOf(number) })),
    )
  }
})

test('what is sent over a link in one turn arrives in its order, whether or not it stands together in memory', async (t) => {
  const directory = await temporaryDirectory(t)
  const memory = Buffer.from('abcdefgh')
  const parts = [
    memory.subarray(0, 2),
    memory.subarray(2, 5),
    Buffer.from('-'),
    memory.subarray(5, 8),
    memory.subarray(0, 1),
  ]
  let came = ''
  const listener = await nodeDisk.exchange!.listen(directory, (link) => {
    link.listen(
      (bytes) => {
        came += Buffer.from(bytes).toString()
      },
      () => {},
    )
  })
  t.after(() => listener.close())
  const link = (await nodeDisk.exchange!.connect(directory))!
  t.after(() => link.close())
  link.hold(true)
  for (const part of parts) link.send(part)
  assert.equal(link.waitingBytes, 10)
  link.end()
  await until(() => came.length === 10)
  assert.equal(came, 'abcde-fgha')
})
