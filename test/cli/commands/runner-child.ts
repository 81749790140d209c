/**
 * The program in a process that stays: does one command after the other, as it is told through the
 * channel to its parent, and tells what each has written.
 */
import { run } from '../../../src/cli/run.ts'
import type { Run } from './program.ts'

type Stream = 'stdout' | 'stderr'
const written: Record<Stream, Buffer[]> = { stdout: [], stderr: [] }

/** Nothing reaches the stream itself. */
function collect(stream: Stream): void {
  process[stream].write = ((piece: string | Uint8Array, encoding?: unknown, done?: () => void): boolean => {
    written[stream].push(Buffer.from(piece as string))
    const told = typeof encoding === 'function' ? encoding : done
    if (told) process.nextTick(told)
    return true
  }) as typeof process.stdout.write
}

collect('stdout')
collect('stderr')

const textOf = (stream: Stream): string => Buffer.concat(written[stream].splice(0)).toString()

process.on('message', async (args: readonly string[]) => {
  const code = await run(args)
  // A command that leaves something behind that would change the code of its process says so.
  const told = process.exitCode === undefined ? code : Number(process.exitCode)
  process.exitCode = undefined
  const peakBytes = process.resourceUsage().maxRSS * 1024
  const answer: Run = { code: told, stdout: textOf('stdout'), stderr: textOf('stderr'), peakBytes }
  process.send!(answer)
})

process.on('disconnect', () => process.exit())
