import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const WRITER = fileURLToPath(new URL('./writer-child.js', import.meta.url))

/** What a writing process is to do. */
export interface WriterTask {
  readonly directory: string
  readonly durability?: 'commit' | 'os'
  /** How many inserts, `id-0` and so on; then it goes on living with the log open. */
  readonly count: number
}

/**
 * `acknowledged`: how many of its appends have resolved. `refused`: the code and message of the
 * error that ended it.
 */
export type WriterReport =
  | { readonly acknowledged: number }
  | { readonly refused: { readonly code: string; readonly message: string } }

/**
 * Starts a process that opens a log and appends to it; resolves when all of it is acknowledged, or
 * refused.
 */
export async function startWriter(
  t: TestContext,
  task: WriterTask,
): Promise<{ child: ChildProcess; report: WriterReport }> {
  const child = fork(WRITER, [JSON.stringify(task)])
  t.after(() => kill(child))
  const [report] = (await once(child, 'message')) as [WriterReport]
  return { child, report }
}

/** Ends a process as a crash does, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
