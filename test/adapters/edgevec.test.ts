import { describe, test } from 'node:test'
import { vectorIndexConformance } from '../../src/testing/mod.ts'
import { edgevec } from './samples/edgevec.ts'

for (const options of [{ dimensions: 8 }, { dimensions: 3, metric: 'l2' }] as const) {
  describe(`the adapter of docs/adapters.md, ${JSON.stringify(options)}`, () => {
    for (const { name, run } of vectorIndexConformance(() => edgevec(options), { minRecall: 0.95 })) test(name, run)
  })
}
