/**
 * What a user is told whose package cannot be used: in a folder of its own, where npm's packages
 * are what the test puts there.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hnswlib } from '../../src/adapters/hnswlib.ts'
import { usearch } from '../../src/adapters/usearch.ts'
import { temporaryDirectory } from '../support/kit.ts'

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url))

type Packages = Readonly<Record<string, readonly [version: string, code: string]>>

/** Runs a program in a folder with the sources of walv, and with these packages. */
async function printedIn(t: TestContext, packages: Packages, program: string): Promise<string> {
  const folder = await temporaryDirectory(t)
  await cp(SOURCES, join(folder, 'walv'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  for (const [name, [version, code]] of Object.entries(packages)) {
    const home = join(folder, 'node_modules', name)
    await mkdir(join(home, 'lib'), { recursive: true })
    await writeFile(
      join(home, 'package.json'),
      JSON.stringify({ name, version, exports: { '.': './lib/index.js', './*': './lib/index.js' } }),
    )
    await writeFile(join(home, 'lib', 'package.json'), '{"type":"commonjs"}')
    await writeFile(join(home, 'lib', 'index.js'), code)
  }
  await writeFile(join(folder, 'program.js'), program)
  return execFileSync(process.execPath, ['program.js'], { cwd: folder, encoding: 'utf8' })
}

/** Code of the error that making an index ends with, and its message. */
async function refusalIn(t: TestContext, packages: Packages) {
  const program = `
    import { usearch } from './walv/adapters/usearch.js'
    import { hnswlib } from './walv/adapters/hnswlib.js'
    const told = [usearch, hnswlib].map((make) => {
      try { make({ dimensions: 3 }); return ['none', ''] } catch ({ code, message }) { return [code, message] }
    })
    console.log(JSON.stringify(told))`
  return JSON.parse(await printedIn(t, packages, program))
}

test('an engine that is not installed is named, with the line that installs it; walv loads without', async (t) => {
  assert.deepEqual(await refusalIn(t, {}), [
    [
      'WALV_ENGINE',
      'walv/usearch needs the package usearch, which is not installed. Run: npm install usearch@2.26.2',
    ],
    [
      'WALV_ENGINE',
      'walv/hnswlib needs the package hnswlib-node, which is not installed. Run: npm install hnswlib-node@3.0.0',
    ],
  ])
})

test('an engine that is too old, or too new, is refused before any of it runs', async (t) => {
  const bomb = 'throw new Error("loaded")'
  const told = await refusalIn(t, { usearch: ['2.25.3', bomb], 'hnswlib-node': ['4.0.0', bomb] })
  assert.deepEqual(told, [
    [
      'WALV_ENGINE',
      'walv/usearch needs usearch 2.26.2 or newer, before 3.0.0, and 2.25.3 is installed. Run: npm install usearch@2.26.2',
    ],
    [
      'WALV_ENGINE',
      'walv/hnswlib needs hnswlib-node 3.0.0 or newer, before 4.0.0, and 4.0.0 is installed. Run: npm install hnswlib-node@3.0.0',
    ],
  ])
})

test('an engine whose native part does not load says why, and what builds it', async (t) => {
  const broken = 'throw new Error("Could not locate the bindings file")'
  const told = await refusalIn(t, { usearch: ['2.30.0', broken], 'hnswlib-node': ['3.0.1', broken] })
  for (const [code, message] of told) {
    assert.equal(code, 'WALV_ENGINE')
    assert.match(
      message,
      /does not load on Node v\d+\S+, \w+-\w+: Could not locate the bindings file\. .* npm rebuild/,
    )
  }
})

test('an @opentelemetry/api without metrics is refused by its version, and not by a name that it lacks', async (t) => {
  const program = `
    import { instrument } from './walv/adapters/otel.js'
    try { instrument() } catch ({ code, message }) { console.log(code, message) }`
  const old = 'exports.trace = exports.context = exports.SpanStatusCode = {}'
  const wanted = 'walv/otel needs @opentelemetry/api 1.3.0 or newer, before 2.0.0, and 1.2.0 is installed.'
  const told = await printedIn(t, { '@opentelemetry/api': ['1.2.0', old] }, program)
  assert.equal(told, `WALV_ENGINE ${wanted} Run: npm install @opentelemetry/api@1.9.1\n`)
})

test('a @langchain/core that will not do is refused before a store is opened', async (t) => {
  const program = `
    import { existsSync } from 'node:fs'
    import { WalvVectorStore } from './walv/adapters/langchain.js'
    const told = (error) => console.log(error.code, error.message)
    await WalvVectorStore.open({}, { directory: './data' }).catch(told)
    try { new WalvVectorStore({}, {}) } catch (error) { told(error) }
    console.log(existsSync('./data'))`
  const core =
    'exports.Document = exports.VectorStore = class {}; exports.maximalMarginalRelevance = () => []'
  for (const version of ['0.2.36', '2.0.0-rc.1']) {
    const wanted = `walv/langchain needs @langchain/core 0.3.0 or newer, before 2.0.0, and ${version} is installed.`
    const line = `WALV_ENGINE ${wanted} Run: npm install @langchain/core@1.4.0\n`
    assert.equal(await printedIn(t, { '@langchain/core': [version, core] }, program), `${line}${line}false\n`)
  }
})

test('bad options are refused by name, value and accepted range', () => {
  const refused = (make: (options: never) => unknown, options: object, message: RegExp): void =>
    assert.throws(() => make(options as never), { code: 'WALV_INVALID_OPTION', message })
  for (const make of [usearch, hnswlib]) {
    for (const dimensions of [0, 0.5, 65_536, undefined])
      refused(make, { dimensions }, /dimensions must be an integer/)
    refused(
      make,
      { dimensions: 3, metric: 'euclid' },
      /metric must be one of cosine, l2, ip, and it is "euclid"/,
    )
    refused(
      make,
      { dimensions: 3, metrics: 'l2' },
      /has no option "metrics"\. There are: dimensions, metric, /,
    )
  }
  refused(usearch, { dimensions: 3, quantization: 'b1' }, /quantization must be one of f32, f16, bf16, i8/)
  const i8 = { dimensions: 3, quantization: 'i8', metric: 'l2' }
  refused(usearch, i8, /quantization must be f32, bf16 or f16 with metric l2, and it is "i8"/)
  refused(usearch, { dimensions: 3, threads: -1 }, /threads must be a whole number from 0 to 256/)
  refused(hnswlib, { dimensions: 3, threads: 2 }, /threads must be a whole number from 0 to 1/)
  refused(usearch, { dimensions: 3, connectivity: 1 }, /connectivity must be a whole number from 2 to 256/)
  refused(usearch, { dimensions: 3, expansionAdd: 0 }, /expansionAdd must be/)
  refused(usearch, { dimensions: 3, expansionSearch: '64' }, /expansionSearch must be/)
  refused(hnswlib, { dimensions: 3, m: 1 }, /m must be a whole number from 2 to 256/)
  refused(hnswlib, { dimensions: 3, efConstruction: 0 }, /efConstruction must be/)
  refused(hnswlib, { dimensions: 3, efSearch: 0 }, /efSearch must be/)
})
