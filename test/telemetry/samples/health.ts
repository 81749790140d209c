import { Wal } from '../../../src/mod.ts'

const wal = await Wal.open({ directory: './log' })
const { level, checks } = await wal.health({ diskFreeWarnBytes: 10 * 1024 ** 3 })
if (level !== 'ok')
  for (const check of checks) console.error(`${check.name}: ${check.level}: ${check.message}`)
await wal.close()
