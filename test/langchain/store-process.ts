import { type ChildProcess, fork } from 'node:child_process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { kill } from '../support/processes.ts'

const CHILD = fileURLToPath(new URL('./store-child.js', import.meta.url))

/** What the writing process is to do. `lives`: at its end it keeps the store open and waits. */
export interface StoreTask {
  readonly directory: string
  readonly from: number
  readonly calls: number
  readonly lives: boolean
}

/** What one of its calls has resolved to, or that no call is left. */
export interface Acknowledged {
  readonly added?: readonly string[]
  readonly deleted?: readonly string[]
  readonly idle?: true
}

const WORDS = ['king', 'ship', 'harbor', 'castle', 'doctor', 'bread', 'computer', 'army', 'ocean', 'garden']

/** Words of which no two ids have the same. */
export function textOf(id: string): string {
  const digits = [...id.replace('-', '')].map(Number)
  return digits.flatMap((digit, place) => Array(2 ** place).fill(WORDS[(digit + place * 3) % 10])).join(' ')
}

/**
 * Starts the process, kills it as soon as `enough` of what it has told is there, and resolves to
 * that.
 */
export async function killedWriter(
  t: TestContext,
  task: StoreTask,
  enough: (told: readonly Acknowledged[]) => boolean,
): Promise<Acknowledged[]> {
  const child: ChildProcess = fork(CHILD, [JSON.stringify(task)])
  t.after(() => kill(child))
  const told: Acknowledged[] = []
  await new Promise<void>((resolve, reject) => {
    child.on('exit', (code, signal) => reject(new Error(`the writer ended by itself: ${code ?? signal}`)))
    child.on('message', (acknowledged: Acknowledged) => {
      told.push(acknowledged)
      if (enough(told)) resolve()
    })
  })
  child.removeAllListeners('exit')
  await kill(child)
  return told
}
