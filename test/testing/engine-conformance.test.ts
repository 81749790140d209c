import { describe, test } from 'node:test'
import { engineConformance, SimulatedEngine, type SimulatedEngineOptions } from '../support/kit.ts'

function place(options: SimulatedEngineOptions) {
  const engine = new SimulatedEngine(options)
  return { open: async () => engine.connect() }
}

for (const options of [{}, { seed: 2, maxLatencyMs: 3 }])
  describe(`a simulated engine with ${JSON.stringify(options)}`, () => {
    for (const { name, run } of engineConformance(() => place(options))) test(name, run)
  })
