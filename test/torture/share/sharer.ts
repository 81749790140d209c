import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Line, ShareTask } from './lines.ts'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))

export interface Call {
  readonly kind: Extract<Line, { line: 'called' }>['kind']
  readonly id: string
  readonly value: number
  readonly expected: number | undefined
  readonly calledAt: number
  answer?: { readonly at: number; readonly succeeded: boolean }
}

/** One of the processes, seen from outside. */
export class Sharer {
  readonly name: string
  readonly calls: Map<number, Call> = new Map()
  isKilled = false
  openedAt: number | undefined
  failed: string | undefined
  #state: Extract<Line, { line: 'state' }> | undefined
  #said = new Set<string>()
  #complaints = ''
  readonly #child: ChildProcess
  readonly #read: Promise<void>
  #tell = (): void => {}

  constructor(task: ShareTask) {
    this.name = task.name
    this.#child = spawn(process.execPath, [CHILD, JSON.stringify(task)], {
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    })
    this.#child.stderr!.on('data', (piece: Buffer) => {
      this.#complaints += piece
    })
    // It may be killed while it is told something.
    this.#child.stdin!.on('error', () => {})
    this.#read = this.#readLines(this.#child.stdio[3] as Readable)
  }

  /** The last of its calls. */
  get recent(): readonly Call[] {
    const last = this.calls.size
    return Array.from({ length: 16 }, (_, back) => this.calls.get(last - back)).filter(
      (call) => call !== undefined,
    )
  }

  get pid(): number {
    return this.#child.pid!
  }

  order(order: 'stop' | 'state' | 'close'): void {
    ;(this.#child.stdin as Writable).write(`${order}\n`)
  }

  /** Resolves when it has said a thing, rejects where it ends before. */
  async until(line: Line['line']): Promise<void> {
    while (!this.#said.has(line)) {
      if (this.failed !== undefined) throw new Error(`${this.name}: ${this.failed}`)
      await new Promise<void>((resolve) => {
        this.#tell = resolve
      })
    }
  }

  async state(): Promise<string> {
    this.#said.delete('state')
    this.order('state')
    await this.until('state')
    return `${this.#state!.size} ${this.#state!.fingerprint}`
  }

  async kill(): Promise<void> {
    this.isKilled = true
    this.#child.kill('SIGKILL')
    await this.#read
  }

  async #readLines(pipe: Readable): Promise<void> {
    const gone = once(this.#child, 'exit')
    let rest = ''
    for await (const piece of pipe) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#take(JSON.parse(line))
    }
    const [code, signal] = await gone
    if (!this.isKilled && !this.#said.has('closed'))
      this.failed ??= `it ended with ${code ?? signal}: ${this.#complaints}`
    this.#tell()
  }

  #take(line: Line): void {
    this.#said.add(line.line)
    if (line.line === 'opened') this.openedAt = line.at
    else if (line.line === 'called')
      this.calls.set(line.number, {
        kind: line.kind,
        id: line.id,
        value: line.value,
        expected: line.expected,
        calledAt: line.at,
      })
    else if (line.line === 'answered')
      this.calls.get(line.number)!.answer = { at: line.at, succeeded: line.succeeded }
    else if (line.line === 'failed') this.failed = line.why
    else if (line.line === 'state') this.#state = line
    this.#tell()
  }
}
