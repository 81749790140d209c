/** One server, and what can be wrong with it, with its streams, or with the way to it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { type JetStreamOptions, openJetStream } from '../../../src/adapters/jetstream.ts'
import { CutProxy } from '../../support/cut-proxy.ts'
import { cutAgainAndAgain } from '../../support/engine-load.ts'
import { NatsServers } from '../../support/nats-servers.ts'

const LIMIT = { timeout: 60_000 }

let servers: NatsServers
let careless: NatsServers
before(async () => {
  servers = await NatsServers.start()
  careless = await NatsServers.start({
    isSynced: false,
    more: 'authorization { users: [{ user: "walv", password: "right-hunter-1" }] }',
  })
})
after(() => Promise.all([servers.stop(), careless.stop()]))

const open = (options: Partial<JetStreamOptions> & { name: string }) =>
  openJetStream({
    servers: servers.addresses,
    replicas: 1,
    guarantee: 'one-memory',
    timeoutMs: 5_000,
    ...options,
  })

/** With the manager of streams of an administrator. */
async function administer<T>(
  work: (jsm: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
): Promise<T> {
  const nc = await connect({ servers: servers.addresses })
  try {
    return await work(await jetstreamManager(nc))
  } finally {
    await nc.close()
  }
}

const make = (config: Partial<StreamConfig> & { name: string }) =>
  administer((jsm) => jsm.streams.add({ discard: 'new', allow_direct: true, ...config } as StreamConfig))

test('connections are cut again and again: nothing acknowledged is lost', LIMIT, async (t) => {
  await cutAgainAndAgain(t, servers.addresses[0]!, (proxied) => open({ name: 'cut', servers: proxied }))
})

test('a stream that was made again has another incarnation', LIMIT, async () => {
  const engine = await open({ name: 'again' })
  await engine.append(new Uint8Array(10))
  const { incarnation } = await engine.range()
  await administer((jsm) => jsm.streams.delete('walv_again'))
  await assert.rejects(engine.append(new Uint8Array(10)))
  const other = await open({ name: 'again' })
  const range = await engine.range()
  assert.equal(range.last, 0)
  assert.notEqual(range.incarnation, incarnation)
  for (const each of [engine, other]) await each.close()
})

test('a full stream refuses what it has no room for, and takes more when it was trimmed', LIMIT, async () => {
  await make({ name: 'walv_full', subjects: ['walv.full.log'], max_bytes: 100_000 })
  const engine = await open({ name: 'full' })
  let stored = 0
  await assert.rejects(
    async () => {
      for (; stored < 100; stored++) await engine.append(new Uint8Array(10_000))
    },
    { code: 'WALV_DISK_FULL', fate: 'not-logged', message: /walv_full has no room/ },
  )
  assert.ok(stored > 5)
  assert.equal((await engine.range()).last, stored)
  await engine.trim(stored)
  assert.equal(await engine.append(new Uint8Array(10_000)), stored + 1)
  await engine.close()
})

test('a reader that is overtaken by trimming is never told of a place as of another', LIMIT, async () => {
  const engine = await open({ name: 'overtaken' })
  for (let number = 1; number <= 40; number++) await engine.append(new Uint8Array(500_000).fill(number))
  const reading = (async () => {
    let told = 0
    for await (const messages of engine.read({ from: 1, signal: new AbortController().signal })) {
      for (const { place, bytes } of messages) assert.equal(bytes[0], place)
      told = messages.at(-1)!.place
      if (told === 1) await engine.trim(40)
      if (told === 40) return told
    }
    return told
  })()
  await reading.catch((error: Error) => assert.match(error.message, /came where \d+ was to come/))
  await engine.close()
})

test('wrong credentials are refused as such, at once, and are in no error', LIMIT, async () => {
  const began = performance.now()
  for (const credentials of [
    { user: 'walv', password: 'wrong-hunter-2' },
    { token: 'wrong-hunter-2' },
    { creds: 'wrong-hunter-2' },
    { seed: 'wrong-hunter-2' },
  ]) {
    const isReadable = 'user' in credentials || 'token' in credentials
    await assert.rejects(open({ name: 'a', servers: careless.addresses, credentials }), (error: Error) => {
      assert.equal((error as { code?: string }).code, isReadable ? 'WALV_PERMISSION' : 'WALV_INVALID_OPTION')
      assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /hunter/)
      return true
    })
  }
  assert.ok(performance.now() - began < 30_000)
})

test('right credentials are in no name, and in no error when the way is lost', LIMIT, async () => {
  const proxy = await CutProxy.start(careless.addresses[0]!)
  const credentials = { user: 'walv', password: 'right-hunter-1' }
  const engine = await open({ name: 'secret', servers: proxy.address, credentials })
  assert.equal(await engine.append(new Uint8Array(3)), 1)
  proxy.isOpen = false
  proxy.cut()
  const error = await engine.append(new Uint8Array(3)).catch((reason) => reason)
  assert.ok(error instanceof Error)
  assert.doesNotMatch(inspect([engine, error], { depth: 20, showHidden: true }), /hunter/)
  await engine.close()
  await proxy.stop()
})

test('an address with credentials in it is refused, and not repeated', async () => {
  const servers = 'nats://walv:hunter@127.0.0.1:4222'
  await assert.rejects(open({ name: 'a', servers }), (error: Error) => {
    assert.match(error.message, /credentials have their own option/)
    return !inspect(error).includes('hunter')
  })
})

test('where tls is given, a server without it is refused', LIMIT, async () => {
  await assert.rejects(open({ name: 'a', tls: {}, timeoutMs: 1_000 }), { message: /does not support 'tls'/ })
})

test('a server that is not there is waited for, and then named', LIMIT, async () => {
  const servers = '127.0.0.1:1'
  await assert.rejects(open({ name: 'a', servers, timeoutMs: 500 }), {
    code: 'WALV_UNAVAILABLE',
    message: /stream walv_a at 127\.0\.0\.1:1 could not be opened within 500 ms: connection refused/,
  })
})

test('a server before 2.10 is refused', LIMIT, async () => {
  const older = (text: string) => text.replace(/"version":"[^"]+"/, '"version":"2.9.25"')
  const proxy = await CutProxy.start(servers.addresses[0]!, older)
  await assert.rejects(open({ name: 'older', servers: proxy.address }), {
    code: 'WALV_INVALID_OPTION',
    message: /version 2\.9\.25, and walv needs 2\.10/,
  })
  await proxy.stop()
})

test(
  'a guarantee is given where it is seen to hold, or trusted, and else refused by name',
  LIMIT,
  async () => {
    const { monitors } = servers
    const refused = (message: RegExp) => ({ code: 'WALV_INVALID_OPTION', message })
    const synced = { name: 'synced', guarantee: 'one-synced' } as const
    await assert.rejects(
      open(synced),
      refused(/nothing tells whether n0 has jetstream.*option monitors.*trust: true/),
    )
    for (const more of [{ monitors }, { trust: true }]) {
      const engine = await open({ ...synced, ...more })
      assert.equal(engine.guarantee, 'one-synced')
      await engine.close()
    }
    const credentials = { user: 'walv', password: 'right-hunter-1' }
    const theirs = { servers: careless.addresses, credentials, monitors: careless.monitors, trust: true }
    await assert.rejects(open({ ...synced, ...theirs }), refused(/server n0 does not sync each message/))
    await assert.rejects(
      open({ ...synced, guarantee: 'quorum-memory', trust: true }),
      refused(/it has one replica/),
    )
  },
)

test('a stream that would lose messages, or is another, is refused by name', LIMIT, async () => {
  const subjects = ['walv.unfit.log']
  for (const [config, message] of [
    [{ max_age: 1e12 }, /walv_unfit is there, and is not fit: it drops messages after max_age/],
    [{ discard: 'old' }, /discard is old, and must be new/],
    [{ storage: 'memory' }, /storage is memory, and must be file/],
    [{ subjects: ['other'] }, /its subjects must be walv\.unfit\.log/],
    [{ allow_direct: false }, /allow_direct is false/],
  ] as const) {
    await make({ name: 'walv_unfit', subjects, ...config } as Partial<StreamConfig> & { name: string })
    await assert.rejects(open({ name: 'unfit' }), { code: 'WALV_INVALID_OPTION', message })
    await administer((jsm) => jsm.streams.delete('walv_unfit'))
  }
})

test('options that mean nothing are refused', async () => {
  for (const options of [
    { replicas: 2 },
    { name: 'A' },
    { name: '' },
    { servers: [] },
    { guarantee: 'synced' },
    { credentials: {} },
    { other: 1 },
    { timeoutMs: 0 },
  ])
    await assert.rejects(open({ name: 'a', ...(options as object) }), { code: 'WALV_INVALID_OPTION' })
})
