import type { Client, QueryResult } from 'pg'
import { clearTimeout, delay, setTimeout } from '../../clock.ts'
import { WalError } from '../../errors.ts'
import type { Guarantee } from '../../replicated/engine.ts'
import { loadPeer, type Peer } from '../peer.ts'
import { checkServer } from './guarantee.ts'
import type { Settings } from './settings.ts'

type Row = Readonly<Record<string, unknown>>

const PACKAGE: Peer = { adapter: 'postgres', name: 'pg', version: '8.23.1', from: '8.11.0' }

/** What has no answer after so long has lost its connection, or waits for a standby in vain. */
const CALL_MS = 5_000
const CONNECT_MS = 3_000
const CLOSE_MS = 1_000

const DISK_FULL = '53100'
const NOT_ALLOWED = '42501'
const REFUSED = 'The PostgreSQL server refused the credentials. Check the option credentials.'

/** What a commit waits for. */
const WAITS_FOR: Readonly<Record<Guarantee, string>> = {
  'quorum-synced': 'on',
  'quorum-memory': 'remote_write',
  'one-synced': 'local',
  'one-memory': 'local',
}

/** A connection to the primary, made when it is needed, and made anew when it was lost. */
export class Session {
  /** Of the server, beside its answers. */
  onWarning: (message: string) => void = () => {}
  onNotification: () => void = () => {}
  /** The first statement of each connection. */
  greeting: string | undefined
  readonly #settings: Settings
  readonly #isOpening: boolean
  #client: Client | undefined
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  /** While opening, what no retry mends is final. Later all is: somebody may mend it meanwhile. */
  constructor(settings: Settings, isOpening = false) {
    this.#settings = settings
    this.#isOpening = isOpening
  }

  /** One after the other. Rejects after some seconds, and begins a new connection then. */
  query(text: string, values: readonly unknown[] = []): Promise<QueryResult<Row>> {
    const answer = this.#last.then(() => this.#ask(text, values))
    this.#last = answer.catch(() => {})
    return answer
  }

  /** The first row. */
  async one(text: string, values: readonly unknown[] = []): Promise<Row | undefined> {
    return (await this.query(text, values)).rows[0]
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#client) await Promise.race([this.#client.end().catch(() => {}), delay(CLOSE_MS)])
  }

  async #ask(text: string, values: readonly unknown[]): Promise<QueryResult<Row>> {
    if (this.#isClosed) throw new Error(`${this.#settings.title} is closed`)
    this.#client ??= await this.#connect()
    const client = this.#client
    try {
      return await inTime(client, client.query(text, values as unknown[]))
    } catch (error) {
      throw this.#withoutSecrets(error)
    }
  }

  async #connect(): Promise<Client> {
    let trouble: Error | undefined
    for (const server of this.#settings.servers) {
      const client = this.#made(server)
      try {
        await client.connect()
        if (this.#isClosed) throw new Error('closed')
        if (await inTime(client, checkServer(client, this.#settings))) {
          if (this.greeting !== undefined) await inTime(client, client.query(this.greeting))
          return client
        }
        trouble ??= new Error(`${server.host}:${server.port} is a standby`)
      } catch (error) {
        trouble = this.#withoutSecrets(error)
      }
      client.end().catch(() => {})
      if (trouble instanceof WalError) break
    }
    throw trouble
  }

  #made(server: Settings['servers'][number]): Client {
    const { Client: Make } = loadPeer(PACKAGE) as typeof import('pg')
    const { database, credentials, tls, guarantee } = this.#settings
    const client = new Make({
      ...server,
      database,
      ...credentials,
      ...(tls && { ssl: tls }),
      application_name: 'walv',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      // One that waits for another to commit ends when nobody waits for it any more.
      options: `-c synchronous_commit=${WAITS_FOR[guarantee]} -c statement_timeout=0 -c lock_timeout=0 -c client_connection_check_interval=1000`,
    })
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined
    }
    client.on('error', forget)
    client.on('end', forget)
    client.on('notice', ({ severity, message }) => {
      if (severity === 'WARNING') this.onWarning(message ?? severity)
    })
    client.on('notification', () => this.onNotification())
    return client
  }

  /** Without a cause: what an error of the client has in it is not ours to say. */
  #withoutSecrets(error: unknown): Error {
    const { code = '', message } = error as { code?: string; message: string }
    if (code === DISK_FULL) return diskFull(message)
    if (!this.#isOpening) return new Error(/^28/.test(code) ? REFUSED : message)
    if (error instanceof WalError) return error
    if (/^28/.test(code)) return new WalError('WALV_PERMISSION', REFUSED)
    if (code === NOT_ALLOWED)
      return new WalError('WALV_PERMISSION', `PostgreSQL: ${message}. Grant it to the role.`)
    return new Error(message)
  }
}

/** A connection that does not answer is ended, and with it what was asked. */
async function inTime<T>(client: Client, answer: Promise<T>): Promise<T> {
  const timer = setTimeout(() => client.end().catch(() => {}), CALL_MS)
  try {
    return await answer
  } finally {
    clearTimeout(timer)
  }
}

/** It answers so to a statement that it has not executed. */
const diskFull = (message: string): WalError =>
  new WalError(
    'WALV_DISK_FULL',
    `The disk of the PostgreSQL server is full (${message}). Nothing was logged. Make space there.`,
    { fate: 'not-logged' },
  )
