/**
 * What docs/testing.md shows is what is compiled and run: its code stands in `samples`, word for
 * word.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = new URL('../../../', import.meta.url)
const SAMPLES = new URL('test/testing/samples/', root)
const page = readFileSync(new URL('docs/testing.md', root), 'utf8')

/** The blocks of code in one language. */
const blocksIn = (language: string): string[] =>
  [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2]!)

const asDocumented = (source: string): string =>
  source
    .replaceAll("'../../../src/mod.ts'", "'walv'")
    .replaceAll("'../../../src/testing/mod.ts'", "'walv/testing'")

test('every sample of code in docs/testing.md is compiled and run with the tests, and every such sample is there', () => {
  const samples = readdirSync(SAMPLES).map((name) =>
    asDocumented(readFileSync(new URL(name, SAMPLES), 'utf8')),
  )
  assert.ok(samples.length > 0)
  assert.deepEqual(blocksIn('ts').sort(), samples.sort())
})

test('what docs/testing.md shows as printed is what is printed', () => {
  const program = fileURLToPath(new URL('samples/print-violations.js', import.meta.url))
  assert.deepEqual(blocksIn('text'), [execFileSync(process.execPath, [program], { encoding: 'utf8' })])
})
