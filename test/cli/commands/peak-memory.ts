/**
 * Loaded into a program with `--import`: says at its end, on descriptor 3, how many bytes it had in
 * memory at most.
 */
import { writeSync } from 'node:fs'

process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS * 1024)))
