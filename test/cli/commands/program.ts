/**
 * Runs the program, and looks at what it says and leaves behind. In each test file the first run of
 * a command is the real program in a process of its own; the others share one that stays, since
 * starting it takes longer than nearly all that it is asked to do.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork, type Serializable, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { WalErrorCode } from '../../../src/mod.ts'

export const MAIN: string = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const PEAK_MEMORY = new URL('./peak-memory.js', import.meta.url).href
/** A program that hangs is ended, and its test fails. */
const LIMIT_MS = 120_000

export interface Run {
  /** `null` if it had to be ended. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly peakBytes: number
}

const started = new Set<string | undefined>()

export function walv(...args: readonly string[]): Promise<Run> {
  const [command] = args
  if (started.has(command)) return runner.run(args)
  started.add(command)
  const child = spawn(process.execPath, ['--import', PEAK_MEMORY, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  return outcome(child)
}

/** A process that does one command after the other; see runner-child.ts. */
class Runner {
  #child: ChildProcess | undefined
  #last: Promise<unknown> = Promise.resolve()

  run(args: readonly string[]): Promise<Run> {
    const running = this.#last.then(() => this.#ask(args))
    this.#last = running
    return running
  }

  #ask(args: readonly string[]): Promise<Run> {
    this.#child ??= this.#start()
    const child = this.#child
    // Whoever waits for a run keeps this process alive, and nobody else.
    child.ref()
    child.channel!.ref()
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
    return new Promise((resolve) => {
      const end = (run: Run): void => {
        clearTimeout(limit)
        child.removeAllListeners('message').removeAllListeners('exit')
        child.unref()
        child.channel?.unref()
        resolve(run)
      }
      child.once('message', (run) => end(run as unknown as Run))
      child.once('exit', (code, signal) => {
        this.#child = undefined
        end({ code, stdout: '', stderr: `it has ended: ${code ?? signal}`, peakBytes: Number.NaN })
      })
      child.send(args as unknown as Serializable)
    })
  }

  #start(): ChildProcess {
    // Only what Node itself says of its end is on its own standard error.
    return fork(new URL('./runner-child.js', import.meta.url), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
  }
}

const runner = new Runner()

/** What a process says until its end. */
export async function outcome(child: ChildProcess, limitMs: number = LIMIT_MS): Promise<Run> {
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs)
  const read = (index: number): Promise<string> => text(child.stdio[index] as Readable)
  const [stdout, stderr, peak] = await Promise.all([read(1), read(2), read(3)])
  const code = await ended
  clearTimeout(limit)
  return { code, stdout, stderr, peakBytes: Number(peak) }
}

// biome-ignore lint/suspicious/noExplicitAny: what is printed is compared with what is expected
export type Json = any

/**
 * The objects of `--json`, after a run that ended with `code` and had nothing to complain about.
 */
export async function jsonLines(code: number, ...args: readonly string[]): Promise<Json[]> {
  const { stdout } = await said(code, ...args, '--json')
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

/** The lines for people, likewise. */
export async function textLines(code: number, ...args: readonly string[]): Promise<string[]> {
  const { stdout } = await said(code, ...args)
  return stdout.split('\n').slice(0, -1)
}

async function said(code: number, ...args: readonly string[]): Promise<Run> {
  const run = await walv(...args)
  assert.deepEqual({ code: run.code, stderr: run.stderr }, { code, stderr: '' })
  assert.match(run.stdout, /^(.*\n)*$/, 'every line ends')
  return run
}

/**
 * A refusal: this exit code, and on standard error alone a sentence that fits `message`, and the
 * error's code. `--json` is added where the command has it.
 */
export async function assertRefused(
  args: readonly string[],
  exitCode: number,
  errorCode: WalErrorCode,
  message: RegExp,
): Promise<void> {
  const run = await walv(...args)
  assert.deepEqual({ code: run.code, stdout: run.stdout }, { code: exitCode, stdout: '' }, run.stderr)
  assert.match(run.stderr, new RegExp(`^walv: [^\\n]+[.?] \\(${errorCode}\\)\\n$`))
  assert.match(run.stderr, message)
}

/** All files below a directory, by path, with their content in hexadecimal; folders with none. */
export async function contentOf(directory: string): Promise<Map<string, string>> {
  const content = new Map<string, string>()
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    content.set(relative(directory, path), entry.isFile() ? (await readFile(path)).toString('hex') : '')
  }
  return content
}

/** Nothing below the directory is made, changed or removed while `work` runs. */
export async function assertUnchanged(directory: string, work: () => Promise<unknown>): Promise<void> {
  const before = await contentOf(directory)
  await work()
  const after = await contentOf(directory)
  assert.deepEqual([...after.keys()].toSorted(), [...before.keys()].toSorted())
  for (const [path, content] of before) assert.equal(after.get(path), content, `${path} has changed`)
}
