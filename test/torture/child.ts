/** The process that is killed. Its task stands on its standard input. */
import { readFileSync } from 'node:fs'
// Loaded before the first opening, so that opening is no longer than in a process that has run for
// a while.
import 'fs-native-extensions'
import { DurableIndex, flat } from '../../src/mod.ts'
import { convertToV1, convertToV2 } from '../../src/v1/mod.ts'
import { DIMENSIONS } from './stream.ts'
import { tell, tellFacts } from './told.ts'
import { watchedDisk } from './watched-disk.ts'
import { type WorkTask, work } from './work.ts'

export type Task = WorkTask | RepairTask | ConvertTask

export interface RepairTask {
  readonly do: 'repair'
  readonly directory: string
}

export interface ConvertTask {
  readonly do: 'convert to v1' | 'convert to v2'
  readonly from: string
  readonly to: string
}

async function repair({ directory }: RepairTask): Promise<void> {
  tell('+opening')
  const index = await DurableIndex.open({
    directory,
    recovery: 'repair',
    disk: watchedDisk,
    index: flat({ dimensions: DIMENSIONS, metric: 'l2' }),
  })
  tell('-opening')
  await index.close()
}

async function convert({ do: what, from, to }: ConvertTask): Promise<void> {
  tell(`+${what}`)
  await (what === 'convert to v1' ? convertToV1({ from, to }) : convertToV2({ from, to }))
  tell(`-${what}`)
}

process.on('uncaughtException', (error) => {
  tellFacts({ failed: error.stack ?? error.message })
  process.exit(1)
})

const task: Task = JSON.parse(readFileSync(0, 'utf8'))
if (task.do === 'work') await work(task)
else if (task.do === 'repair') await repair(task)
else await convert(task)
