import { epochMs, monotonicMs } from '../../clock.ts'
import { DurableIndex, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { ENGINES, type Engine, makeIndex } from '../engines.ts'
import { seqOrNull } from '../json.ts'
import { momentFrom } from '../log-selection.ts'
import { engineOf, indexKind, UNWARNED } from '../opening.ts'
import { formatDuration, formatQuantity } from '../output.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'revert',
  summary: 'make a durable index what it was at a moment',
  details:
    'By one change forward, which is logged like any other, and which reverting to the record before it undoes. A moment is the number of a record, ' +
    'right after which it is, or a time: 2026-11-30T10:45:00Z, or 15m, 2h, 7d ago. Needs the lock: where a process writes, let that one call revertTo().',
  positionals: {
    directory: { description: 'the directory of the log' },
    moment: { description: 'the moment' },
  },
  options: {
    index: { type: 'choice', choices: ENGINES, description: 'default: that of the last snapshot, else flat' },
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

export const revert: Command = command(
  spec,
  async ({ index: engine, json }, { directory, moment }): Promise<ExitCode> => {
    const started = monotonicMs()
    const target = momentFrom(moment, 'revert', epochMs())
    const kind = await indexKind(directory)
    if (kind === undefined)
      throw new WalError('WALV_NOT_FOUND', `There is no vector in ${directory}. Check the path.`)
    const { dimensions, metric = 'cosine' } = kind
    await using index = await DurableIndex.open({
      directory,
      index: makeIndex(await engineOf(directory, engine as Engine | undefined), { dimensions, metric }),
      checkpointIntervalEntries: false,
      // What the owner keeps of the past is the owner's to let go of.
      history: { keepBytes: Number.MAX_SAFE_INTEGER },
      ...UNWARNED,
    })
    const { before, changed } = await index.revertTo(target)
    const { size } = index
    const durationMs = Math.round(monotonicMs() - started)
    if (json) {
      await printJson({ revert: { before: seqOrNull(before), changed, vectors: size, durationMs } })
      return 0
    }
    const undo = changed === 0 ? '' : ` To undo it: npx walv revert ${directory} ${before}`
    await printLine(
      `${formatQuantity(changed, 'id')} changed in ${formatDuration(durationMs)}; the index has ${formatQuantity(size, 'vector')}.${undo}`,
    )
    return 0
  },
)
