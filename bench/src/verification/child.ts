/**
 * Appends under strace: `child.js PEER-MODULE DIRECTORY APPENDS IN-FLIGHT`. Each acknowledgement is
 * marked in the trace by an access that fails.
 */
import { accessSync } from 'node:fs'
import type { Peer } from '../peers/peer.ts'
import { MARK } from './trace.ts'

const DIMENSIONS = 64

function mark(name: string): void {
  try {
    accessSync(MARK + name)
  } catch {}
}

const [moduleUrl = '', directory = '', appends, inFlight] = process.argv.slice(2)
const { peer } = (await import(moduleUrl)) as { peer: Peer }
const store = await peer.open(directory, { dimensions: DIMENSIONS })
const vector = new Float32Array(DIMENSIONS).fill(0.5)
let next = 0

async function caller(): Promise<void> {
  while (next < Number(appends)) {
    const n = next++
    await store.append(`doc-${n}`, vector)
    mark(`append ${n}`)
  }
}

await store.append('warm-up', vector)
mark('begin')
await Promise.all(Array.from({ length: Number(inFlight) }, caller))
mark('end')
await store.close()
