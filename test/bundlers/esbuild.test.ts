/**
 * The recipe that everybody needs, in the quickest of the bundlers. The others:
 * `npm run test:bundlers`.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { removeFolder, temporaryFolder } from '../package/installed.ts'
import { ROOT } from '../package/nodes.ts'
import { follow, printedBy, project, recipeOf, shell, ship } from './recipes.ts'

let cwd: string
before(async () => {
  cwd = await temporaryFolder()
  await project(cwd, ['esbuild@0.28.2'])
})
after(() => removeFolder(cwd))

test('a bundle that took the addon in is refused by name, with the remedy', async () => {
  for (const bundle of ['esm/main.mjs', 'cjs/main.cjs']) {
    const [format] = bundle.split('/') as [string]
    await shell(cwd, `npx esbuild main.mjs --bundle --platform=node --format=${format} --outfile=${bundle}`)
    const printed = await printedBy(join(cwd, format), bundle.slice(format.length + 1))
    assert.match(printed, /^WalError WALV_LOCK_UNAVAILABLE .* mark fs-native-extensions as external/)
  }
})

test('a bundle of esbuild by the recipe runs, shipped with the addon', async (t) => {
  const recipe = await recipeOf('esbuild')
  await follow(cwd, recipe)
  await follow(cwd, await recipeOf('Shipping the addon'))
  assert.equal(await printedBy(await ship(t, cwd)), '1')

  for (const command of recipe.commands)
    await shell(cwd, command.replace('--format=esm', '--format=cjs').replace('out/main.mjs', 'out/main.cjs'))
  assert.equal(await printedBy(join(cwd, 'out'), 'main.cjs'), '1')
})

test('a CommonJS bundle with walv/usearch starts, and finds the engine beside it', async () => {
  const program = `import { usearch } from 'walv/usearch'
    try { usearch({ dimensions: 2 }) } catch ({ code, message }) { console.log(code, message) }`
  await writeFile(join(cwd, 'engine.mjs'), program)
  await shell(cwd, 'npx esbuild engine.mjs --bundle --platform=node --format=cjs --outfile=engine/main.cjs')
  const home = join(cwd, 'engine/node_modules/usearch')
  await mkdir(home, { recursive: true })
  await writeFile(
    join(home, 'package.json'),
    '{ "name": "usearch", "version": "2.25.3", "main": "package.json" }',
  )
  const printed = await printedBy(join(cwd, 'engine'), 'main.cjs')
  assert.match(
    printed,
    /^WALV_ENGINE walv\/usearch needs usearch 2\.26\.2 or newer, .* 2\.25\.3 is installed/,
  )
})

const GRAPH = `
import { DurableIndex } from 'walv'
import { usearch } from 'walv/usearch'

async function main() {
  process.on('warning', ({ code }) => console.log(code))
  const index = await DurableIndex.open({ directory: process.argv[2], index: usearch({ dimensions: 2 }) })
  const vectors = Array.from({ length: 300 }, (_, at) => [Math.cos(at / 99), Math.sin(at / 99)])
  await index.insertMany(vectors.map((vector, at) => ({ id: String(at), vector })))
  await index.caughtUp()
  const [hit] = await index.search(vectors[42], { k: 1 })
  console.log(index.stats().graphLag, hit.id)
  await index.close()
}
main()
`

test('a graph in a bundle works in the main thread and says so, and in a thread beside walv', async () => {
  await writeFile(join(cwd, 'graph.mjs'), GRAPH)
  const usearch = join(cwd, 'node_modules/usearch')
  if (!existsSync(usearch)) await symlink(join(ROOT, 'node_modules/usearch'), usearch)
  const bundle = 'npx esbuild graph.mjs --bundle --platform=node --external:fs-native-extensions'
  await shell(cwd, `${bundle} --format=esm --outfile=graph/esm/main.mjs`)
  await shell(cwd, `${bundle} --format=cjs --outfile=graph/cjs/main.cjs`)
  await shell(
    cwd,
    `${bundle} --format=esm --external:walv --external:'walv/*' --outfile=graph/beside/main.mjs`,
  )
  const inMainThread = /^(0 42\nWALV_GRAPH_IN_MAIN_THREAD|WALV_GRAPH_IN_MAIN_THREAD\n0 42)$/
  assert.match(await printedBy(join(cwd, 'graph/esm')), inMainThread)
  assert.match(await printedBy(join(cwd, 'graph/cjs'), 'main.cjs'), inMainThread)
  assert.equal(await printedBy(join(cwd, 'graph/beside')), '0 42')
})

test('the version of the addon that the page names is the one that walv has', async () => {
  const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const { commands } = await recipeOf('Shipping the addon')
  assert.match(
    commands.join('\n'),
    new RegExp(`fs-native-extensions@${dependencies['fs-native-extensions']}$`),
  )
})
