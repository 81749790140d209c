import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job } from './job.ts'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))

/** Lines of JSON that a child writes before it is killed. */
export interface Victim {
  /** Resolves to the next line; rejects if the child ends. */
  next(): Promise<unknown>
  /** Resolves to the last line that it wrote, when it is gone. */
  kill(): Promise<unknown>
}

/** Tells the process that is going to kill this one. */
export function tellKiller(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Starts a child that does a job until it is killed with SIGKILL. */
export function startVictim(job: Job): Victim {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const lines: string[] = []
  let last = ''
  let rest = ''
  let wake = (): void => {}
  let hasEnded = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const pieces = (rest + text).split('\n')
    rest = pieces.pop()!
    const whole = pieces.filter((line) => line !== '')
    lines.push(...whole)
    last = whole.at(-1) ?? last
    wake()
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      hasEnded = true
      process.off('exit', killWithUs)
      wake()
      resolve()
    })
  })
  return {
    async next() {
      while (lines.length === 0) {
        if (hasEnded) throw new Error('the process ended before it was killed')
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return JSON.parse(lines.shift()!)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
      return last === '' ? undefined : JSON.parse(last)
    },
  }
}
