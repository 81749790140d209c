/** The examples, each started as a process of its own from a copy of the folder. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { NO_SLOW_SYNC, ROOT, run } from '../package/nodes.ts'
import { kill } from '../support/processes.ts'

const readJson = (path: string): Record<string, Record<string, string>> =>
  JSON.parse(readFileSync(path, 'utf8'))

/**
 * A copy of an example with what its package.json asks for, in the version that it asks for; its
 * walv is this one.
 */
export class Example {
  /** Where its programs are. */
  readonly folder: string
  readonly #t: TestContext

  constructor(t: TestContext, name: string) {
    this.#t = t
    const copy = mkdtempSync(join(tmpdir(), 'walv-example-'))
    t.after(() => rmSync(copy, { recursive: true, force: true }))
    cpSync(join(ROOT, 'examples'), copy, { recursive: true })
    this.folder = join(copy, name)
    for (const [dependency, version] of Object.entries(
      readJson(join(this.folder, 'package.json')).dependencies!,
    )) {
      const place = dependency === 'walv' ? ROOT : join(ROOT, 'node_modules', dependency)
      if (dependency !== 'walv')
        assert.equal(
          readJson(join(place, 'package.json')).version,
          version,
          `${name} asks for another ${dependency}`,
        )
      const link = join(copy, 'node_modules', dependency)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(place, link, 'junction')
    }
  }

  /** Runs a program of it to its end, and resolves to the lines that it prints. */
  async run(...args: string[]): Promise<string[]> {
    const { stdout, stderr } = await run(process.execPath, [NO_SLOW_SYNC, ...args], { cwd: this.folder })
    assert.equal(stderr, '')
    return stdout.trimEnd().split('\n')
  }

  /** Starts a service of it; resolves when it says that it listens. */
  async serve(program: string): Promise<Service> {
    const env = { ...process.env, PORT: '0' }
    const child = spawn(process.execPath, [program], {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#t.after(() => kill(child))
    for await (const line of createInterface(child.stdout)) {
      const port = /listening on port (\d+)$/.exec(line)?.[1]
      if (port) return { child, greeting: line, url: `http://127.0.0.1:${port}`, kill: () => kill(child) }
    }
    assert.fail(`${program} ended before it listened`)
  }
}

export interface Service {
  readonly child: ChildProcess
  readonly greeting: string
  readonly url: string
  /** With SIGKILL. */
  kill(): Promise<void>
}

/** Sends JSON and gives status and parsed answer. */
export async function send<T>(
  method: string,
  url: string,
  body?: unknown,
): Promise<{ status: number; answer: T }> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(url, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, answer: text && JSON.parse(text) }
}
