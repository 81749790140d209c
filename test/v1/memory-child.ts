/** Reads and recovers a v1 directory and prints what that cost; run as a process of its own. */
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { readV1Directory } from '../../src/v1/read/reader.ts'
import { recoverV1 } from '../../src/v1/recover/recover.ts'

const directories = process.argv.slice(2)
let records = 0
let damages = 0
const started = process.cpuUsage()
for (const directory of directories) {
  for await (const { record } of readV1Directory(nodeDisk, directory)) {
    if (record) records++
    else damages++
  }
}
const reading = process.cpuUsage(started)
const readMs = (reading.user + reading.system) / 1000
for (const directory of directories) {
  for await (const { record } of recoverV1(nodeDisk, directory, { policy: 'salvage' })) if (record) records++
}
const { maxRSS } = process.resourceUsage()
process.stdout.write(JSON.stringify({ records, damages, readMs, peakBytes: maxRSS * 1024 }))
