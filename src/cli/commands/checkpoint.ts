import { monotonicMs } from '../../clock.ts'
import { DurableIndex, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { ENGINES, type Engine, graphBuilt, makeIndex } from '../engines.ts'
import { seqOrNull } from '../json.ts'
import { engineOf, indexKind, snapshotsIn, UNWARNED } from '../opening.ts'
import { formatBytes, formatDuration, formatQuantity } from '../output.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'checkpoint',
  summary: 'write a snapshot of a durable index, and let the log behind it go',
  details:
    'So that the next opening has nothing to replay. Needs the lock: where a process writes, let that one call checkpoint(). ' +
    'The graph of an engine is saved too, which needs its package.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    index: { type: 'choice', choices: ENGINES, description: 'default: that of the last snapshot, else flat' },
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

export const checkpoint: Command = command(
  spec,
  async ({ index: engine, json }, { directory }): Promise<ExitCode> => {
    const started = monotonicMs()
    const kind = await indexKind(directory)
    if (kind === undefined)
      throw new WalError('WALV_NOT_FOUND', `There is no vector in ${directory}. Check the path.`)
    const { dimensions, metric = 'cosine' } = kind
    await using index = await DurableIndex.open({
      directory,
      index: makeIndex(await engineOf(directory, engine as Engine | undefined), { dimensions, metric }),
      checkpointIntervalEntries: false,
      ...UNWARNED,
    })
    const before = index.stats().bytes
    await graphBuilt(index)
    const taken = await index.checkpoint()
    const { size } = index
    const { bytes } = index.stats()
    const snapshots = await snapshotsIn(directory)
    const durationMs = Math.round(monotonicMs() - started)
    if (json) {
      const through = seqOrNull(taken?.sequenceNumber)
      await printJson({ checkpoint: { through, vectors: size, logBytes: bytes, snapshots, durationMs } })
      return 0
    }
    const log = bytes < before ? `the log went from ${formatBytes(before)} to` : 'the log has'
    await printLine(
      `Checkpoint through record ${taken?.sequenceNumber} taken in ${formatDuration(durationMs)}: ` +
        `${formatQuantity(size, 'vector')}, ${log} ${formatBytes(bytes)}, ${formatQuantity(snapshots.count, 'snapshot')} of ${formatBytes(snapshots.bytes)}.`,
    )
    return 0
  },
)
