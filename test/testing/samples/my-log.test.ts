import { test } from 'node:test'
import { logConformance, SimulatedDisk, Wal } from '../../support/kit.ts'

function place() {
  const disk = new SimulatedDisk()
  return { open: () => Wal.open({ directory: '/data', disk }) }
}

for (const { name, run } of logConformance(place)) test(name, run)
