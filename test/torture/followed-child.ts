/** Writes an index until it is killed; tells each acknowledged change. */
import { setTimeout as delay } from 'node:timers/promises'
import { DurableIndex, flat } from '../../src/mod.ts'

export interface FollowedTask {
  readonly directory: string
  readonly life: number
  readonly checkpointRetention: number
  /** How long it rests between two rounds of changes. Default: not at all. */
  readonly pauseMs?: number
}

const { directory, life, checkpointRetention, pauseMs } = JSON.parse(process.argv[2]!) as FollowedTask

process.on('disconnect', () => process.exit())
const index = await DurableIndex.open({
  directory,
  index: flat({ dimensions: 2 }),
  checkpointIntervalEntries: 60,
  checkpointRetention,
  segmentMaxBytes: 64 * 1024,
})
process.send!({ opened: index.fingerprint(), size: index.size })
for (let round = 0; ; round++) {
  const changes = Array.from({ length: 20 }, (_, at) => {
    const id = `id-${(round * 7 + at) % 150}`
    const vector = [life, round * 100 + at]
    if (at % 9 === 8) return index.delete(id)
    return index.upsert(id, vector, { life, round, at, text: 'x'.repeat((round * at) % 700) })
  })
  changes.push(
    index.transaction(async (transaction) => {
      await transaction.upsert('t-1', [life, round], { round })
      await transaction.upsert('t-2', [life, round], { round })
    }) as Promise<never>,
  )
  await Promise.all(changes)
  if (pauseMs) await delay(pauseMs)
}
