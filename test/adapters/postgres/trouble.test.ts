/** A server and its synchronous standby, and what can be wrong with them, or with the way there. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { openPostgres, type PostgresOptions } from '../../../src/adapters/postgres.ts'
import { cutAgainAndAgain, Load } from '../../support/engine-load.ts'
import { OWNER, type PostgresServer, PostgresServers } from '../../support/postgres-servers.ts'

const LIMIT = { timeout: 90_000 }

let servers: PostgresServers
let primary: PostgresServer
let standby: PostgresServer
before(async () => {
  servers = await PostgresServers.start(1)
  primary = servers.primary
  standby = servers.standbys[0]!
})
after(() => servers.stop())

const open = (options: Partial<PostgresOptions> & { name: string }) =>
  openPostgres({
    servers: primary.address,
    database: 'postgres',
    credentials: { user: OWNER },
    timeoutMs: 5_000,
    ...options,
  })

/** Asks for the commit that waits for the standby, until there is one. */
async function untilWaiting(select: string): Promise<void> {
  const text = `${select} from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'walv'`
  while ((await primary.query(text)).length === 0) await sleep(50)
}

test('connections are cut again and again: nothing acknowledged is lost', LIMIT, async (t) => {
  await cutAgainAndAgain(t, primary.address, (proxied) => open({ name: 'cut', servers: proxied }))
})

test('the server is killed and comes back: nothing acknowledged is lost', LIMIT, async (t) => {
  const engine = await open({ name: 'kills' })
  const { incarnation } = await engine.range()
  const load = new Load(t, engine)
  await load.more(20)
  await primary.kill()
  await primary.start()
  await load.more(20)
  await load.end()
  assert.equal((await engine.range()).incarnation, incarnation)
  await engine.close()
})

test('without its standby nothing is acknowledged, nor told, until it is back', LIMIT, async () => {
  const engine = await open({ name: 'waits' })
  assert.equal(await engine.append(new Uint8Array(1)), 1)
  await standby.kill()
  await assert.rejects(engine.append(new Uint8Array(2)), { message: /has not answered within|terminated/ })
  const other = await open({ name: 'waits', trust: true })
  assert.equal((await other.range()).last, 1)
  await assert.rejects(open({ name: 'waits' }), {
    code: 'WALV_INVALID_OPTION',
    message: /0 of the standbys .* are connected\. Start 1 more/,
  })
  await standby.start()
  let place = 0
  while (place === 0) place = await engine.append(new Uint8Array(3)).catch(() => 0)
  assert.equal((await other.range()).last, place)
  for (const each of [engine, other]) await each.close()
})

test('a message is not acknowledged where somebody lets commits no longer wait', LIMIT, async () => {
  const [row] = await primary.query(`select current_setting('synchronous_standby_names') as names`)
  const engine = await open({ name: 'released' })
  await engine.append(new Uint8Array(1))
  await standby.kill()
  const appended = engine.append(new Uint8Array(1))
  const outcome = assert.rejects(appended, { message: /synchronous_standby_names is empty now/ })
  await untilWaiting('select pid')
  await primary.set('synchronous_standby_names', '')
  await outcome
  await assert.rejects(open({ name: 'released', trust: true }), {
    code: 'WALV_INVALID_OPTION',
    message: /synchronous_standby_names is empty, so that a commit waits for no standby/,
  })
  await standby.start()
  await primary.set('synchronous_standby_names', String(row!.names))
  await engine.close()
})

test('a message is not acknowledged where its wait for the standby is cancelled', LIMIT, async () => {
  const engine = await open({ name: 'cancelled' })
  await engine.append(new Uint8Array(1))
  await standby.kill()
  const outcome = assert.rejects(engine.append(new Uint8Array(1)), {
    message: /PostgreSQL warns: canceling wait for synchronous replication/,
  })
  await untilWaiting('select pg_cancel_backend(pid)')
  await outcome
  await standby.start()
  await engine.close()
})

test('a log that was made again has another incarnation', LIMIT, async () => {
  const engine = await open({ name: 'again' })
  await engine.append(new Uint8Array(10))
  const { incarnation } = await engine.range()
  await primary.query(`delete from walv_messages where log = 'again'`)
  await primary.query(`delete from walv_logs where name = 'again'`)
  await assert.rejects(engine.append(new Uint8Array(10)), { message: /is not there any more/ })
  await (await open({ name: 'again' })).close()
  assert.notEqual((await engine.range()).incarnation, incarnation)
  assert.equal((await engine.range()).last, 0)
  await engine.close()
})

test('wrong credentials are refused as such, and are in no error', LIMIT, async () => {
  await primary.query(`create role careful login password 'right-hunter-1'`)
  const address = `host all careful 127.0.0.1/32 scram-sha-256`
  await primary.prependAccess(address)
  for (const password of ['wrong-hunter-2', () => Promise.resolve('wrong-hunter-2')]) {
    const credentials = { user: 'careful', password }
    await assert.rejects(open({ name: 'a', credentials }), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'WALV_PERMISSION')
      assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /hunter/)
      return true
    })
  }
  const credentials = { user: 'careful', password: 'right-hunter-1' }
  await assert.rejects(open({ name: 'b', credentials }), {
    code: 'WALV_INVALID_OPTION',
    message: /pg_monitor/,
  })
  await assert.rejects(open({ name: 'b', credentials, trust: true }), { code: 'WALV_PERMISSION' })
  await primary.query(
    'grant select, insert, update, delete on walv_logs, walv_messages, walv_objects to careful',
  )
  const engine = await open({ name: 'b', credentials, trust: true })
  assert.equal(await engine.append(new Uint8Array(3)), 1)
  await primary.query('alter role careful nologin')
  await primary.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'careful'`)
  const error = await engine.append(new Uint8Array(3)).catch((reason) => reason)
  assert.ok(error instanceof Error)
  assert.doesNotMatch(inspect([engine, error], { depth: 20, showHidden: true }), /hunter/)
  await engine.close()
})

test('of several servers the one is taken that is no standby', LIMIT, async () => {
  const engine = await open({ name: 'several', servers: ['127.0.0.1:1', standby.address, primary.address] })
  assert.equal(await engine.append(new Uint8Array(3)), 1)
  await engine.close()
  await assert.rejects(open({ name: 'several', servers: standby.address, timeoutMs: 500 }), {
    code: 'WALV_UNAVAILABLE',
    message: /is a standby/,
  })
})

test('where tls is given, a server without it is refused', LIMIT, async () => {
  await assert.rejects(open({ name: 'a', tls: {}, timeoutMs: 500 }), { message: /does not support SSL/ })
})

test('a server that does not sync is refused where that is promised', LIMIT, async () => {
  await primary.set('fsync', 'off')
  for (const guarantee of ['one-synced', 'quorum-synced'] as const)
    await assert.rejects(open({ name: 'unsynced', guarantee, trust: true }), {
      code: 'WALV_INVALID_OPTION',
      message: new RegExp(`does not give the guarantee ${guarantee}: fsync is off`),
    })
  const engine = await open({ name: 'unsynced', guarantee: 'quorum-memory' })
  assert.equal(engine.guarantee, 'quorum-memory')
  await engine.close()
  await primary.set('fsync', 'on')
})
