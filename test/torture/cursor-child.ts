/** Reads a log on with a cursor until it is killed; tells each unit, and each commit. */
import { Wal } from '../../src/mod.ts'

/** `opened`: where the cursor stood. */
export type ConsumerReport =
  | { readonly opened: number }
  | { readonly told: number }
  | { readonly committed: number }

const directory = process.argv[2]!
const send = (report: ConsumerReport): void => {
  process.send!(report)
}

process.on('disconnect', () => process.exit())
const wal = await Wal.open({ directory, follow: true })
const cursor = await wal.cursor('consumer', { from: 'begin' })
send({ opened: cursor.position })
let count = 0
for await (const { seq } of wal.tail({ cursor })) {
  send({ told: seq })
  if (++count % 25 > 0) continue
  await cursor.commit(seq)
  send({ committed: cursor.position })
}
