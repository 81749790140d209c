/** A process that opens a log when it is told to, and tells whether it could. */
import { setTimeout as delay } from 'node:timers/promises'
// Loaded before the race.
import 'fs-native-extensions'
import { Wal, type WalError } from '../../src/mod.ts'

export type Command =
  /** Opens when the monotonic clock reaches `atNs`, a decimal string. */
  | { readonly do: 'open'; readonly directory: string; readonly atNs: string }
  | { readonly do: 'append'; readonly id: string }

export type Reply =
  | { readonly did: 'opened' | 'appended' }
  | { readonly did: 'refused'; readonly code: string; readonly message: string }

/** Timers are no finer: the rest is spent waiting busily. */
const TIMER_MS = 3

let wal: Wal | undefined

async function run(command: Command): Promise<Reply> {
  if (command.do === 'append') {
    await wal!.append({ type: 'insert', id: command.id, vector: [1] })
    return { did: 'appended' }
  }
  const at = BigInt(command.atNs)
  await delay(Number(at - process.hrtime.bigint()) / 1e6 - TIMER_MS)
  while (process.hrtime.bigint() < at);
  try {
    wal = await Wal.open({ directory: command.directory })
    return { did: 'opened' }
  } catch (error) {
    const { code, message } = error as WalError
    return { did: 'refused', code, message }
  }
}

process.on('message', async (command: Command) => process.send!(await run(command)))
process.on('disconnect', () => process.exit())
process.send!('ready')
