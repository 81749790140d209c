import { describe, test } from 'node:test'
import { type HnswlibOptions, hnswlib } from '../../src/adapters/hnswlib.ts'
import { type UsearchOptions, usearch } from '../../src/adapters/usearch.ts'
import { vectorIndexConformance } from '../support/kit.ts'

const USEARCH: UsearchOptions[] = [
  { dimensions: 8 },
  { dimensions: 3, metric: 'l2', connectivity: 8, expansionAdd: 64, expansionSearch: 32 },
  { dimensions: 5, metric: 'ip', quantization: 'bf16' },
  { dimensions: 16, metric: 'cosine', quantization: 'f16' },
  { dimensions: 1, metric: 'l2', quantization: 'f16' },
  { dimensions: 12, quantization: 'i8', threads: 2 },
  { dimensions: 6, metric: 'l2', threads: 0 },
]

const HNSWLIB: HnswlibOptions[] = [
  { dimensions: 8 },
  { dimensions: 3, metric: 'l2', m: 8, efConstruction: 64, efSearch: 32 },
  { dimensions: 5, metric: 'ip' },
]

for (const options of USEARCH) {
  describe(`usearch(${JSON.stringify(options)})`, () => {
    for (const { name, run } of vectorIndexConformance(() => usearch(options), { minRecall: 0.95 }))
      test(name, run)
  })
}

for (const options of HNSWLIB) {
  describe(`hnswlib(${JSON.stringify(options)})`, () => {
    for (const { name, run } of vectorIndexConformance(() => hnswlib(options), { minRecall: 0.95 }))
      test(name, run)
  })
}
