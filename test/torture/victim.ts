/** A process that is started to be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Task } from './child.ts'
import { TOLD_DESCRIPTOR, Told } from './told.ts'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
/** Timers are no finer than this: what is left of a delay is spent waiting busily. */
const TIMER_MS = 2

/** When to kill: so long after a certain line was told for the so-and-so-many-th time. */
export interface Aim {
  /** How it begins. */
  readonly line: string
  readonly time: number
  readonly delayMs: number
  /** Default `SIGKILL`. */
  readonly signal?: NodeJS.Signals
  /** Who has not come to that place by then is killed wherever it is. Default one second. */
  readonly patienceMs?: number
}

export interface Killed {
  readonly told: Told
  /** False if it ended by itself before. */
  readonly killed: boolean
}

export class Victim {
  /** Grows while the process runs. */
  readonly told: Told = new Told()
  readonly #child: ChildProcess
  readonly #gone: Promise<unknown>

  /** Starts at once, and waits for its task. */
  constructor() {
    const stdio = ['pipe', 'inherit', 'inherit', 'pipe'] as const
    this.#child = spawn(process.execPath, [CHILD], { stdio: [...stdio] })
    this.#gone = once(this.#child, 'close')
    // A process that was killed before it read its task leaves a broken pipe.
    this.#child.stdin!.on('error', () => {})
  }

  /** Resolves when the process is gone and everything that it told is read. */
  async run(task: Task, aim: Aim): Promise<Killed> {
    const { line, time, delayMs, signal = 'SIGKILL', patienceMs = 1_000 } = aim
    const { told } = this
    let times = 0
    const reports = this.#child.stdio[TOLD_DESCRIPTOR] as Readable
    reports.setEncoding('utf8').on('data', (text: string) =>
      told.add(text, (heard) => {
        if (heard.startsWith(line) && ++times === time) this.#strikeAfter(delayMs, signal)
      }),
    )
    const patience = setTimeout(() => this.#child.kill(signal), patienceMs)
    this.#child.stdin!.end(JSON.stringify(task))
    await this.#gone
    clearTimeout(patience)
    const { exitCode, signalCode } = this.#child
    if (told.failed !== undefined || (exitCode !== 0 && signalCode !== signal)) {
      throw new Error(
        `the process failed, with exit code ${exitCode} and signal ${signalCode}: ${told.failed}`,
      )
    }
    return { told, killed: signalCode === signal }
  }

  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone
  }

  #strikeAfter(delayMs: number, signal: NodeJS.Signals): void {
    const at = performance.now() + delayMs
    const strike = (): void => {
      while (performance.now() < at);
      this.#child.kill(signal)
    }
    if (delayMs < TIMER_MS) strike()
    else setTimeout(strike, delayMs - TIMER_MS)
  }
}
