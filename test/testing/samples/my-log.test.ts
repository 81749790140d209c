import { test } from 'node:test'
import { Wal } from '../../../src/mod.ts'
import { logConformance, SimulatedDisk } from '../../../src/testing/mod.ts'

function place() {
  const disk = new SimulatedDisk()
  return { open: () => Wal.open({ directory: '/data', disk }) }
}

for (const { name, run } of logConformance(place)) test(name, run)
