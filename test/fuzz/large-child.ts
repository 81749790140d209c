/** Scans and salvages a log and prints what that took; run as a process of its own. */
import { scanLog, Wal } from '../../src/mod.ts'

const directory = process.argv[2]!
let [records, damages] = [0, 0]
for await (const item of scanLog({ directory })) 'record' in item ? records++ : damages++
const wal = await Wal.open({ directory, readOnly: true, recovery: 'salvage' })
for await (const _ of wal.read()) records++
damages += wal.recovery.damage.length
process.stdout.write(JSON.stringify({ records, damages, peakBytes: process.resourceUsage().maxRSS * 1024 }))
