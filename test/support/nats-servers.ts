/** NATS servers with JetStream, real ones, on 127.0.0.1. Each can be killed and started again. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { ROOT } from '../package/nodes.ts'
import { freePorts } from './free-ports.ts'
import { kill } from './processes.ts'

export interface NatsOptions {
  /** Default 1. */
  readonly size?: number
  /** Default true: whether each message is synced. */
  readonly isSynced?: boolean
  /** More lines of the configuration of each server. */
  readonly more?: string
}

export interface NatsServer {
  readonly name: string
  readonly address: string
  readonly monitor: string
  readonly child: ChildProcess
}

/** Servers of 2.10 that start at once freeze now and then, and form no cluster: begin anew. */
const FORMING_MS = 6_000
const ATTEMPTS = 8

export class NatsServers {
  #folder = ''
  #servers: NatsServer[] = []
  readonly #options: Required<NatsOptions>

  private constructor(options: NatsOptions) {
    this.#options = { size: 1, isSynced: true, more: '', ...options }
  }

  static async start(options: NatsOptions = {}): Promise<NatsServers> {
    const servers = new NatsServers(options)
    for (let attempt = 1; ; attempt++) {
      try {
        await servers.#startAll()
        return servers
      } catch (error) {
        await servers.stop()
        if (attempt === ATTEMPTS) throw error
      }
    }
  }

  get all(): readonly NatsServer[] {
    return this.#servers
  }

  get addresses(): string[] {
    return this.#servers.map(({ address }) => address)
  }

  get monitors(): string[] {
    return this.#servers.map(({ monitor }) => monitor)
  }

  named(name: string): NatsServer {
    return this.#servers.find((server) => server.name === name)!
  }

  /** Starts one again that was killed, with what it has on its disk. */
  restart({ name }: NatsServer): void {
    this.#servers = this.#servers.map((each) =>
      each.name === name ? { ...each, child: this.#spawn(name) } : each,
    )
  }

  /** Ends all of them, and removes what they wrote. */
  async stop(): Promise<void> {
    await Promise.all(this.#servers.map(({ child }) => kill(child)))
    this.#servers = []
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #startAll(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'walv-nats-'))
    const { size } = this.#options
    const ports = await freePorts(3 * size)
    const routes = ports.slice(2 * size).map((port) => `nats://127.0.0.1:${port}`)
    for (const place of Array.from({ length: size }).keys()) {
      const [port, http, route] = [ports[place]!, ports[size + place]!, ports[2 * size + place]!]
      const name = `n${place}`
      await writeFile(this.#file(name), this.#configuration(name, port, http, route, routes))
      const address = `127.0.0.1:${port}`
      this.#servers.push({ name, address, monitor: `http://127.0.0.1:${http}`, child: this.#spawn(name) })
    }
    await this.#whole()
  }

  readonly #file = (name: string): string => join(this.#folder, `${name}.conf`)

  #configuration(name: string, port: number, http: number, route: number, routes: readonly string[]): string {
    const { size, isSynced, more } = this.#options
    return `server_name: ${name}
listen: "127.0.0.1:${port}"
http: "127.0.0.1:${http}"
jetstream { store_dir: "${join(this.#folder, name)}", max_file_store: 4GB${isSynced ? ', sync_interval: always' : ''} }
${size > 1 ? `cluster { name: walv, listen: "127.0.0.1:${route}", routes: [${routes.join(', ')}] }` : ''}
${more}
`
  }

  #spawn(name: string): ChildProcess {
    const log = openSync(join(this.#folder, `${name}.log`), 'a')
    const child = spawn(program(), ['-c', this.#file(name)], { stdio: ['ignore', log, log] })
    closeSync(log)
    return child
  }

  /** All are in when a stream with a replica on each can be made. */
  async #whole(): Promise<void> {
    const until = performance.now() + FORMING_MS
    for (;;) {
      try {
        await Promise.all(this.#servers.map((server) => this.#knowsAll(server)))
        if (this.#options.more === '') await this.#probe()
        return
      } catch (error) {
        if (performance.now() > until) throw error
        await sleep(50)
      }
    }
  }

  async #knowsAll({ name, monitor }: NatsServer): Promise<void> {
    const response = await fetch(`${monitor}/jsz`, { signal: AbortSignal.timeout(1_000) })
    const { meta_cluster: found } = (await response.json()) as { meta_cluster?: Record<string, unknown> }
    const { size } = this.#options
    if (size > 1 && !(found?.leader && found.cluster_size === size)) throw new Error(`${name} is not in`)
  }

  async #probe(): Promise<void> {
    const nc = await connect({ servers: this.addresses, reconnect: false })
    try {
      const { streams } = await jetstreamManager(nc, { timeout: 1_000 })
      const { size } = this.#options
      await streams.add({ name: 'probe', subjects: ['probe'], num_replicas: size, storage: 'memory' })
      await streams.delete('probe')
    } finally {
      await nc.close()
    }
  }
}

let found: string | undefined

function program(): string {
  found ??= execFileSync(join(ROOT, 'scripts/need-nats.sh'), { encoding: 'utf8' }).trim()
  return found
}
