/**
 * The packed tarball, installed into an empty project, on every Node that walv promises to run on.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { install, type Packed, pack, removeFolder, temporaryFolder } from './installed.ts'
import { NO_SLOW_SYNC, NODE_VERSIONS, nodeProgram, ROOT, run, withNode } from './nodes.ts'

let folder: string
let packed: Packed
before(async () => {
  folder = await temporaryFolder()
  packed = await pack(folder)
  // At once: installing mostly waits.
  await Promise.all(NODE_VERSIONS.map(async (version) => project(version, await nodeProgram(version))))
})
after(() => removeFolder(folder))

async function project(name: string, node?: string): Promise<string> {
  const place = join(folder, name)
  await mkdir(place)
  await install(place, packed.tarball, node)
  await cp(join(ROOT, 'test/package/consumer'), place, { recursive: true })
  return place
}

/**
 * `found` has of each subpath how many names it exports, or why it does not load. A peer that is
 * not installed is the only reason there may be.
 */
function everyOneLoads(found: Record<string, number | string>): void {
  const { exports, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  assert.equal(Object.keys(found).length, Object.keys(exports).length - 1)
  const missing = Object.keys(peerDependencies).map((peer) => `Cannot find package '${peer}'`)
  for (const [subpath, names] of Object.entries(found))
    if (typeof names === 'string')
      assert.ok(
        missing.some((text) => names.startsWith(text)),
        `${subpath}: ${names}`,
      )
    else assert.ok(names > 0, `${subpath} is empty`)
}

for (const version of NODE_VERSIONS) {
  describe(`Node ${version}`, { concurrency: true }, () => {
    let node: string
    const printed = async (...args: string[]) => {
      const { stdout, stderr } = await run(node, [NO_SLOW_SYNC, ...args], {
        cwd: join(folder, version),
        env: withNode(node),
      })
      assert.equal(stderr, '')
      return stdout
    }
    before(async () => {
      node = await nodeProgram(version)
    })

    test('imports every subpath, and an index survives', async () => {
      const found = JSON.parse(await printed('esm.mjs'))
      assert.equal(found.version, `v${version}`)
      assert.deepEqual([found.size, found.nearest, found.metadata], [2, 'a', { title: 'x' }])
      everyOneLoads(found.found)
    })

    test('requires every subpath', async () => {
      const found = JSON.parse(await printed('require.cjs'))
      assert.equal(found.version, `v${version}`)
      assert.deepEqual([found.size, found.refused], [1, 'WALV_LOCKED'])
      everyOneLoads(found.found)
    })

    test('runs the command line', async () => {
      assert.match(await printed('node_modules/walv/dist/cli/main.js', '--help'), /^Usage: walv COMMAND/m)
    })
  })
}

async function compile(
  cwd: string,
  compilerOptions: Record<string, unknown>,
  files: string[],
): Promise<void> {
  const config = join(cwd, `tsconfig.${files.join('.')}.${compilerOptions.moduleResolution}.json`)
  const strict = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
  }
  await writeFile(config, JSON.stringify({ compilerOptions: { ...strict, ...compilerOptions }, files }))
  const tsc = run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', config], { cwd })
  await tsc.catch(({ stdout }) => assert.fail(stdout))
}

describe('TypeScript', () => {
  let cwd: string
  before(async () => {
    cwd = await project('typescript')
    // The compiler, the types of Node and LangChain are those of the repository: they are not what
    // is tested.
    for (const [scope, name] of [
      ['@types', 'node'],
      ['@langchain', 'core'],
    ] as const) {
      await mkdir(join(cwd, 'node_modules', scope))
      await symlink(join(ROOT, 'node_modules', scope, name), join(cwd, 'node_modules', scope, name))
    }
  })

  test('resolution NodeNext, from modules and from CommonJS', () =>
    compile(
      cwd,
      {
        module: 'NodeNext',
        moduleResolution: 'NodeNext',
        target: 'ES2022',
        lib: ['ES2022', 'ESNext.Disposable'],
      },
      ['typed.mts', 'typed.cts'],
    ))

  // Without looking into the libraries: the types of LangChain's own packages do not pass with
  // these options.
  const compileStore = (module: string) => {
    const lib = ['ES2022', 'ESNext.Disposable', 'DOM']
    const options = { module, moduleResolution: module, target: 'ES2022', lib, skipLibCheck: true }
    return compile(cwd, options, ['langchain.mts', 'langchain.cts'])
  }

  test('the store of walv/langchain is a VectorStore, imported and required', () => compileStore('NodeNext'))

  test('the store of walv/langchain is a VectorStore under Node16 too', () => compileStore('Node16'))

  test('resolution of bundlers', () =>
    compile(
      cwd,
      {
        module: 'ESNext',
        moduleResolution: 'Bundler',
        target: 'ES2022',
        lib: ['ES2022', 'ESNext.Disposable'],
      },
      ['typed.mts'],
    ))
})
