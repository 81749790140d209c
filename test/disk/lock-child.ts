/**
 * A process that takes and gives back the lock when its parent says so; `lock.test.ts` drives it.
 */
import { spawn } from 'node:child_process'
import { hostname } from 'node:os'
import type { DiskLock } from '../../src/disk/disk.ts'
import { lockFile } from '../../src/disk/lock.ts'

export type Command =
  /** Takes the lock when the monotonic clock reaches `atNs`, a decimal string. */
  | { readonly do: 'take'; readonly path: string; readonly atNs?: string }
  | { readonly do: 'release' }
  /** Starts a process that does nothing and lives on when this one is killed. */
  | { readonly do: 'spawn' }

export type Reply =
  | { readonly did: 'taken' | 'released' }
  | { readonly did: 'refused'; readonly owner: string }
  | { readonly did: 'failed'; readonly code: string }
  | { readonly did: 'spawned'; readonly pid: number }

const owner = JSON.stringify({ pid: process.pid, host: hostname(), startedAt: Date.now() })
let lock: DiskLock | undefined

async function take(path: string, atNs = '0'): Promise<Reply> {
  const at = BigInt(atNs)
  while (process.hrtime.bigint() < at);
  try {
    const outcome = await lockFile(path, owner)
    if (outcome.held) return { did: 'refused', owner: outcome.owner }
    lock = outcome
    return { did: 'taken' }
  } catch (error) {
    return { did: 'failed', code: String((error as NodeJS.ErrnoException).code) }
  }
}

async function run(command: Command): Promise<Reply> {
  if (command.do === 'take') return take(command.path, command.atNs)
  if (command.do === 'release') {
    await lock?.release()
    return { did: 'released' }
  }
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    stdio: 'ignore',
    detached: true,
  })
  idle.unref()
  return { did: 'spawned', pid: idle.pid! }
}

// Root may do anything: permissions count only for somebody else.
if (process.argv.includes('--unprivileged') && process.geteuid?.() === 0) process.seteuid?.(65_534)
process.on('message', async (command: Command) => process.send!(await run(command)))
process.on('disconnect', () => process.exit())
process.send!('ready')
