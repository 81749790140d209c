import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setTimeout } from '../../clock.ts'
import { WalError } from '../../mod.ts'
import { atEnd } from '../at-end.ts'
import { ALL_WRITTEN, CHECKPOINT_BEGINS, CHECKPOINT_ENDS, type WriterTask } from './protocol.ts'

/**
 * When to kill the writing process: so many milliseconds after so many acknowledgements, or after
 * its checkpoint began; or never.
 */
export type KillPlan =
  | { readonly on: 'acknowledged'; readonly count: number; readonly delayMs: number }
  | { readonly on: 'checkpoint'; readonly delayMs: number }
  | { readonly on: 'never' }

export interface RoundResult {
  /** Ranks of the words whose acknowledgement arrived. */
  readonly acknowledged: readonly number[]
  readonly killed: boolean
  /** A checkpoint had begun and not ended. */
  readonly inCheckpoint: boolean
}

/**
 * Runs the writing process once and kills it with SIGKILL as planned.
 * @throws WALV_IO if it ends by itself before it is done
 */
export async function runRound(task: WriterTask, plan: KillPlan): Promise<RoundResult> {
  const writer = fileURLToPath(
    import.meta.resolve(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js'),
  )
  const child = spawn(process.execPath, [writer, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] })
  using _ended = atEnd(() => child.kill('SIGKILL'))
  let complaint = ''
  child.stderr.on('data', (text) => {
    complaint += text
  })
  const acknowledged: number[] = []
  let finished = false
  let inCheckpoint = false
  let planned = false
  const killSoon = (delayMs: number): void => {
    if (!planned) setTimeout(() => child.kill('SIGKILL'), delayMs)
    planned = true
  }
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('close', (_code, signal) => resolve(signal)),
  )
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('+')) acknowledged.push(Number(line.slice(1)))
    if (line === CHECKPOINT_BEGINS) inCheckpoint = true
    if (line === CHECKPOINT_ENDS) inCheckpoint = false
    if (line === ALL_WRITTEN) finished = true
    if (plan.on === 'acknowledged' && acknowledged.length >= plan.count) killSoon(plan.delayMs)
    if (plan.on === 'checkpoint' && line === CHECKPOINT_BEGINS) killSoon(plan.delayMs)
  }
  const signal = await ended
  if (!finished && signal !== 'SIGKILL')
    throw new WalError(
      'WALV_IO',
      `The writing process ended by itself: ${complaint.trim() || 'no reason given'}`,
    )
  return { acknowledged, killed: signal === 'SIGKILL', inCheckpoint }
}
