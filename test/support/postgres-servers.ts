/** PostgreSQL, a real one, on 127.0.0.1, as an ordinary user; and standbys of it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { freePorts } from './free-ports.ts'
import { kill } from './processes.ts'

const START_MS = 30_000

/** Who owns every database, and is trusted. Tests about credentials make other roles. */
export const OWNER = 'walv'

export class PostgresServer {
  readonly folder: string
  readonly port: number
  #child: ChildProcess | undefined

  constructor(folder: string, port: number) {
    this.folder = folder
    this.port = port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: this.port,
      unix_socket_directories: this.folder,
      logging_collector: 'off',
      // Of several servers on one machine.
      shared_buffers: '32MB',
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const log = openSync(join(this.folder, 'log'), 'a')
    const [command, ...parameters] = asUser('postgres', '-D', join(this.folder, 'data'), ...flags)
    this.#child = spawn(command!, parameters, { stdio: ['ignore', log, log] })
    closeSync(log)
    await this.#answers()
  }

  /** As a crash ends it. Its own processes notice, and end as well. */
  async kill(): Promise<void> {
    if (this.#child) await kill(this.#child)
  }

  async query(text: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ host: '127.0.0.1', port: this.port, user: OWNER, database: 'postgres' })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  /** Sets what is read again without a restart. */
  async set(name: string, value: string): Promise<void> {
    await this.query(`alter system set ${name} = '${value}'`)
    await this.query('select pg_reload_conf()')
    for (;;) {
      const [row] = await this.query(`select current_setting('${name}') as now`)
      if (row!.now === value) return
      await sleep(20)
    }
  }

  /** Puts a line before all others that say who is let in. */
  async prependAccess(line: string): Promise<void> {
    const file = join(this.folder, 'data/pg_hba.conf')
    await writeFile(file, `${line}\n${await readFile(file, 'utf8')}`)
    await this.query('select pg_reload_conf()')
  }

  async #answers(): Promise<void> {
    const until = performance.now() + START_MS
    for (;;) {
      try {
        await this.query('select 1')
        return
      } catch (error) {
        if (performance.now() > until) throw error
        await sleep(50)
      }
    }
  }
}

/** A primary and its standbys, all in one temporary directory. */
export class PostgresServers {
  readonly #folder: string
  readonly primary: PostgresServer
  readonly standbys: readonly PostgresServer[]

  private constructor(folder: string, servers: readonly PostgresServer[]) {
    this.#folder = folder
    this.primary = servers[0]!
    this.standbys = servers.slice(1)
  }

  /** Each standby is one that commits wait for. */
  static async start(standbys = 0): Promise<PostgresServers> {
    const folder = await mkdtemp(join(tmpdir(), 'walv-pg-'))
    await own(folder)
    const ports = await freePorts(1 + standbys)
    const servers = ports.map((port, place) => new PostgresServer(join(folder, `pg${place}`), port))
    for (const server of servers) {
      await mkdir(server.folder)
      await own(server.folder)
    }
    const started = new PostgresServers(folder, servers)
    await started.#start().catch(async (error) => {
      await started.stop()
      throw error
    })
    return started
  }

  async #start(): Promise<void> {
    const { primary, standbys } = this
    runAs(
      'initdb',
      '-D',
      join(primary.folder, 'data'),
      '-A',
      'trust',
      '-U',
      OWNER,
      '--no-sync',
      '--no-instructions',
    )
    await primary.start()
    for (const { folder } of standbys) {
      const name = `host=127.0.0.1 port=${primary.port} user=${OWNER} application_name=${nameOf(folder)}`
      runAs('pg_basebackup', '-D', join(folder, 'data'), '-R', '-c', 'fast', '--no-sync', '-d', name)
    }
    await Promise.all(standbys.map((standby) => standby.start()))
    if (standbys.length === 0) return
    await primary.set('synchronous_standby_names', standbys.map(({ folder }) => nameOf(folder)).join(', '))
    for (;;) {
      const [row] = await primary.query(
        `select count(*)::int as n from pg_stat_replication where sync_state = 'sync'`,
      )
      if (row!.n === 1) return
      await sleep(20)
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.primary, ...this.standbys].map((server) => server.kill()))
    // The last processes of a server that was killed may still be writing.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}

const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf('/') + 1)

const isRoot = process.getuid?.() === 0

/** The server refuses to run as root: then it runs as the user of the package. */
const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))

async function own(folder: string): Promise<void> {
  if (isRoot) await chown(folder, idOf('-u'), idOf('-g'))
}

function asUser(program: string, ...parameters: readonly string[]): string[] {
  const command = [join(programs(), program), ...parameters]
  if (!isRoot) return command
  return ['setpriv', `--reuid=${idOf('-u')}`, `--regid=${idOf('-g')}`, '--clear-groups', ...command]
}

function runAs(program: string, ...parameters: readonly string[]): void {
  const [command, ...rest] = asUser(program, ...parameters)
  execFileSync(command!, rest, { stdio: 'pipe' })
}

const PACKAGES = '/usr/lib/postgresql'

/** Of the newest version that is installed. */
function programs(): string {
  const versions = readdirSync(PACKAGES).filter((name) => /^\d+$/.test(name))
  return join(PACKAGES, `${Math.max(...versions.map(Number))}`, 'bin')
}
