/**
 * The demo's writing process: inserts every word that is not there yet, and says of each, on
 * standard output, that it was acknowledged. Its parent kills it.
 */
import { writeSync } from 'node:fs'
import { DurableIndex, flat } from '../../mod.ts'
import { UNWARNED } from '../opening.ts'
import { ALL_WRITTEN, CHECKPOINT_BEGINS, CHECKPOINT_ENDS, IN_FLIGHT, type WriterTask } from './protocol.ts'
import type { Word } from './word.ts'
import { wordsOf } from './words.ts'

const task: WriterTask = JSON.parse(process.argv[2]!)
const words = await wordsOf(task.words)
const index = await DurableIndex.open({
  directory: task.directory,
  index: flat({ dimensions: words.dimensions }),
  checkpointIntervalEntries: false,
  ...UNWARNED,
})
const under = new Set<Promise<void>>()
let acknowledged = 0
let checkpoint: Promise<unknown> | undefined

/** Synchronous, so that nothing that was told is lost with the process. */
const tell = (line: string): void => {
  writeSync(1, `${line}\n`)
}

async function insert({ id, vector }: Word, rank: number): Promise<void> {
  await index.insert(id, vector, { rank })
  tell(`+${rank}`)
  acknowledged++
  if (task.checkpointAfter !== undefined && acknowledged >= task.checkpointAfter && !checkpoint) {
    tell(CHECKPOINT_BEGINS)
    checkpoint = index.checkpoint().then(() => tell(CHECKPOINT_ENDS))
  }
}

let rank = -1
for await (const word of words) {
  rank++
  if (index.has(word.id)) continue
  const done = insert(word, rank).finally(() => under.delete(done))
  under.add(done)
  if (under.size >= IN_FLIGHT) await Promise.race(under)
}
await Promise.all(under)
await checkpoint
await index.close()
tell(ALL_WRITTEN)
