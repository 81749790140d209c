/** Runs seeds of the cluster: `node build/test/replicated/main.js 1 1000`. */
import '../crash/install-virtual-time.ts'
import { resetTime } from '../crash/virtual-time.ts'

const { scenario } = await import('./scenario.ts')
const [from = 1, count = 100] = process.argv.slice(2).map(Number)
let failed = 0
const tally: Record<string, number> = {}
for (let seed = from; seed < from + count; seed++) {
  resetTime()
  try {
    for (const [what, number] of Object.entries(await scenario(seed)))
      tally[what] = (tally[what] ?? 0) + number
  } catch (error) {
    failed++
    console.log(`seed ${seed}: ${(error as Error).stack}`)
  }
}
console.log(`${count} seeds, ${failed} failed`, JSON.stringify(tally))
process.exit(failed === 0 ? 0 : 1)
