/** What a leader does where a process comes to it on a second way. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { encodableInput } from '../../src/format/encode.ts'
import { Leader } from '../../src/shared/leader.ts'
import {
  jsonMessage,
  jsonOf,
  KINDS,
  MessageReader,
  PROTOCOL_VERSION,
  submitMessage,
} from '../../src/shared/messages.ts'
import { Server } from '../../src/shared/server.ts'
import { closing, holding, insert, nodeDisk, temporaryDirectory, until, Wal } from '../support/kit.ts'

/** A member, as the leader sees it. */
interface Way {
  readonly welcome: Promise<{ readonly before: number }>
  readonly ended: Promise<void>
  submit(number: number): void
}

async function begin(t: TestContext) {
  const directory = await temporaryDirectory(t)
  const { disk, hold } = holding()
  const wal = closing(t, await Wal.openWith({ directory, disk }, undefined, {}))
  let server: Server | undefined
  const leader = new Leader(
    wal,
    () => {},
    () => server?.tell(),
  )
  const lead = { leader, agreed: {}, yield: () => {}, checkpoint: async () => {} }
  const exchange = nodeDisk.exchange!
  server = await Server.listen(exchange, directory, lead)
  closing(t, { close: () => server.close(false) })
  return { wal, hold, connect: async () => wayTo(exchange.connect(directory)) }
}

/** The same process each time. */
async function wayTo(connecting: ReturnType<NonNullable<typeof nodeDisk.exchange>['connect']>): Promise<Way> {
  const link = await connecting
  assert.ok(link)
  link.hold(true)
  const reader = new MessageReader()
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const welcome = new Promise<{ before: number }>((resolve) => {
    link.listen(
      (bytes) =>
        reader.read(bytes, (message) => {
          if (message.kind === KINDS.welcome) resolve(jsonOf(message) as { before: number })
        }),
      end,
    )
  })
  const hello = { protocol: PROTOCOL_VERSION, process: 'ab'.repeat(16), pid: 1, prefers: false, agreed: {} }
  link.send(jsonMessage(KINDS.hello, hello))
  const submit = (number: number): void => {
    const payloads = [encodableInput(insert(`change-${number}`))]
    link.send(submitMessage({ number, isTransaction: false, payloads }))
  }
  return { welcome, ended, submit }
}

test('a process is greeted when all that came on its earlier way has its place in the log', async (t) => {
  const { wal, hold, connect } = await begin(t)
  const first = await connect()
  await first.welcome
  const resume = hold()
  first.submit(1)
  await until(() => wal.lastSeq === 0)
  const { welcome } = await connect()
  // What is greeted too early hears of a log that ends before the change.
  await Promise.race([welcome, delay(200)])
  resume()
  assert.equal((await welcome).before, 1)
})

test('what a process hands over on an earlier way is not looked at any more', async (t) => {
  const { wal, connect } = await begin(t)
  const first = await connect()
  await first.welcome
  const second = await connect()
  await second.welcome
  let isEnded = false
  void first.ended.then(() => {
    isEnded = true
  })
  await until(() => isEnded)
  first.submit(1)
  second.submit(2)
  await until(() => wal.durableSeq === 0)
  const numbers: unknown[] = []
  for await (const { origin } of wal.read()) numbers.push(origin?.number)
  assert.deepEqual(numbers, [2])
})
