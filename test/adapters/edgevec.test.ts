import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { vectorIndexConformance } from '../support/kit.ts'
import { edgevec } from './samples/edgevec.ts'

for (const options of [{ dimensions: 8 }, { dimensions: 3, metric: 'l2' }] as const) {
  describe(`the adapter of docs/adapters.md, ${JSON.stringify(options)}`, () => {
    for (const { name, run } of vectorIndexConformance(() => edgevec(options), { minRecall: 0.95 }))
      test(name, run)
  })
}

test('docs/adapters.md shows this adapter as it is tested, and it has fewer than 60 lines', () => {
  const root = new URL('../../../', import.meta.url)
  const page = readFileSync(new URL('docs/adapters.md', root), 'utf8')
  const sample = readFileSync(new URL('test/adapters/samples/edgevec.ts', root), 'utf8')
  const shown = sample
    .replace("'../../../src/mod.ts'", "'walv'")
    .replace("'../../../src/adapters/adapter.ts'", "'walv/adapter'")
  assert.ok(page.includes(`\`\`\`ts\n${shown}\`\`\`\n`))
  assert.ok(shown.split('\n').length < 60)
})
