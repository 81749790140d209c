/**
 * walv beside versions of its optional packages that others have already: they never keep it from
 * being installed.
 */
import assert from 'node:assert/strict'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../support/kit.ts'
import { pack } from './installed.ts'
import { npm, ROOT, run } from './nodes.ts'

const LIBRARIES = ['@langchain/core@0.3.80', '@opentelemetry/api@1.4.1']
const ENGINES = { usearch: '2.25.3', 'hnswlib-node': '2.1.1' }

test('walv installs beside older packages, works with them or names the version it wants', async (t) => {
  const cwd = await temporaryDirectory(t)
  await writeFile(join(cwd, 'package.json'), '{ "name": "consumer", "private": true }')
  // Of the engines as much as npm looks at: nothing of them is to run.
  for (const [name, version] of Object.entries(ENGINES)) {
    await mkdir(join(cwd, name))
    await writeFile(join(cwd, name, 'package.json'), JSON.stringify({ name, version, main: 'package.json' }))
  }
  const engines = Object.keys(ENGINES).map((name) => `./${name}`)
  await npm(cwd, ['install', ...LIBRARIES, ...engines, (await pack(cwd)).tarball])
  await cp(join(ROOT, 'test/package/consumer/peers.mjs'), join(cwd, 'peers.mjs'))
  const { stdout } = await run(process.execPath, ['peers.mjs'], { cwd })
  const { found, usearch, hnswlib } = JSON.parse(stdout)
  assert.deepEqual(found, { x: 2 })
  assert.match(
    usearch,
    /^WALV_ENGINE walv\/usearch needs usearch 2\.26\.2 or newer, .* 2\.25\.3 is installed/,
  )
  assert.match(
    hnswlib,
    /^WALV_ENGINE walv\/hnswlib needs hnswlib-node 3\.0\.0 or newer, .* 2\.1\.1 is installed/,
  )
})
