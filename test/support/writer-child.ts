import { Wal, type WalError } from '../../src/mod.ts'
import type { WriterReport, WriterTask } from './processes.ts'

const { directory, durability = 'commit', count }: WriterTask = JSON.parse(process.argv[2]!)
const report = (message: WriterReport): unknown => process.send!(message)

// A process whose parent is gone has nobody left to write for.
process.on('disconnect', () => process.exit())
try {
  const wal = await Wal.open({ directory, durability })
  const appends = Array.from({ length: count }, (_, index) =>
    wal.append({ type: 'insert', id: `id-${index}`, vector: [index] }),
  )
  report({ acknowledged: (await Promise.all(appends)).length })
} catch (error) {
  const { code, message } = error as WalError
  report({ refused: { code, message } })
}
