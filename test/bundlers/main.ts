/**
 * `npm run test:bundlers`: what docs/bundlers.md says of tools that take long to install or to run.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { withNode } from '../package/nodes.ts'
import { temporaryDirectory } from '../support/logs.ts'
import { follow, printedBy, project, recipeOf, shell, ship } from './recipes.ts'

const BUNDLERS = {
  webpack: ['webpack@5', 'webpack-cli@6'],
  Rollup: ['rollup@4', '@rollup/plugin-node-resolve@16', '@rollup/plugin-commonjs@29'],
  Vite: ['vite@8'],
}

for (const [name, packages] of Object.entries(BUNDLERS))
  test(`a bundle of ${name} by the recipe runs, shipped with the addon`, async (t) => {
    const cwd = await temporaryDirectory(t)
    await project(cwd, packages)
    await follow(cwd, await recipeOf(name))
    await follow(cwd, await recipeOf('Shipping the addon'))
    assert.equal(await printedBy(await ship(t, cwd)), '1')
  })

const TEST = `
import { DurableIndex, flat } from 'walv'

test('an index opens', async () => {
  const index = await DurableIndex.open({ directory: './data', index: flat({ dimensions: 2 }) })
  await index.insert('a', new Float32Array([1, 2]))
  expect(index.size).toBe(1)
  await index.close()
})
`

test('a test in Jest by the recipe passes', async (t) => {
  const cwd = await temporaryDirectory(t)
  await project(cwd, ['jest@30'])
  await writeFile(join(cwd, 'index.test.mjs'), TEST)
  await follow(cwd, await recipeOf('Jest and Vitest'))
})

test('a test in Vitest passes', async (t) => {
  const cwd = await temporaryDirectory(t)
  await project(cwd, ['vitest@4'])
  await writeFile(join(cwd, 'index.test.mjs'), `import { expect, test } from 'vitest'\n${TEST}`)
  await shell(cwd, 'npx vitest run')
})

test('what pnpm installs works, and what Yarn does without a folder node_modules', async (t) => {
  const folder = await temporaryDirectory(t)
  await project(folder, ['pnpm@10', '@yarnpkg/cli-dist@4'])
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const manifest = JSON.stringify({
    private: true,
    dependencies: { walv: dependencies.walv.replace('file:', 'file:../') },
  })
  for (const name of ['pnpm', 'yarn']) {
    await mkdir(join(folder, name))
    await cp(join(folder, 'main.mjs'), join(folder, name, 'main.mjs'))
    await writeFile(join(folder, name, 'package.json'), manifest)
  }
  await writeFile(join(folder, 'yarn/yarn.lock'), '')
  await shell(join(folder, 'pnpm'), 'npx pnpm install && node main.mjs data | grep -x 1')
  const yarn = 'node ../node_modules/@yarnpkg/cli-dist/bin/yarn.js'
  const settings = 'YARN_NODE_LINKER=pnp YARN_ENABLE_TELEMETRY=0 YARN_ENABLE_GLOBAL_CACHE=0'
  await shell(
    join(folder, 'yarn'),
    `export ${settings} && ${yarn} install && ${yarn} node main.mjs data | grep -x 1`,
  )
})

const ROUTE = `
import { DurableIndex, flat } from 'walv'

export const dynamic = 'force-dynamic'

export async function GET() {
  const index = await DurableIndex.open({ directory: process.env.DATA, index: flat({ dimensions: 2 }) })
  await index.insert('a', [1, 2])
  await index.close()
  return Response.json(index.size)
}
`
const LAYOUT = 'export default ({ children }) => <html lang="en"><body>{children}</body></html>\n'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** Asks until it is answered: the server takes a moment to listen. */
async function answerOf(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text()
    } catch (error) {
      if (attempt === 100) throw error
      await setTimeout(100)
    }
  }
}

test('a standalone server of Next.js by the recipe runs, shipped without anything else', async (t) => {
  const cwd = await temporaryDirectory(t)
  await project(cwd, ['next@16', 'react@19', 'react-dom@19'])
  await mkdir(join(cwd, 'app/count'), { recursive: true })
  await writeFile(join(cwd, 'app/layout.jsx'), LAYOUT)
  await writeFile(join(cwd, 'app/count/route.js'), ROUTE)
  const recipe = await recipeOf('Next.js')
  const here = `${process.platform}-${process.arch}`
  const files = [...recipe.files].map(([name, code]) => [name, code.replace('linux-x64', here)] as const)
  await follow(cwd, { ...recipe, files: new Map(files) })
  await shell(cwd, 'NEXT_TELEMETRY_DISABLED=1 npx next build')

  const shipped = await temporaryDirectory(t)
  await cp(join(cwd, '.next/standalone'), shipped, { recursive: true })
  const port = await freePort()
  const env = {
    ...withNode(process.execPath),
    DATA: join(shipped, 'data'),
    PORT: `${port}`,
    HOSTNAME: '127.0.0.1',
  }
  const server = spawn(process.execPath, ['server.js'], { cwd: shipped, env, stdio: 'inherit' })
  t.after(async () => {
    const exited = once(server, 'exit')
    server.kill('SIGKILL')
    await exited
  })
  assert.equal(await answerOf(`http://127.0.0.1:${port}/count`), '1')
})
