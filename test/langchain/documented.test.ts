/**
 * Every command and program of docs/langchain.md and docs/migrating.md runs, on stores that the
 * genuine libraries wrote. Needs `npm run build`.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../support/kit.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const MAIN = join(ROOT, 'dist/cli/main.js')
const FIXTURES = join(ROOT, 'test/fixtures/migrate')
const EMBEDDINGS = `import { embeddings } from ${JSON.stringify(new URL('./stores.js', import.meta.url).href)}\n`

/** The blocks of code below a heading, in their order. */
async function blocksOf(page: string, heading: string): Promise<{ language: string; code: string }[]> {
  const text = await readFile(join(ROOT, 'docs', page), 'utf8')
  const section = text.split(/^#+ /m).find((each) => each.startsWith(`${heading}\n`))
  assert.ok(section, `${page} has ${heading}`)
  return [...section.matchAll(/^```(\w+)[^\n]*\n(.*?)^```$/gms)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }))
}

/** A folder of a user, in which walv and LangChain are installed. */
async function userFolder(t: TestContext): Promise<string> {
  const folder = await temporaryDirectory(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(ROOT, join(folder, 'node_modules/walv'))
  await symlink(join(ROOT, 'node_modules/@langchain'), join(folder, 'node_modules/@langchain'))
  return folder
}

async function program(folder: string, code: string): Promise<string> {
  await writeFile(join(folder, 'program.mjs'), code)
  return (await run(process.execPath, ['program.mjs'], { cwd: folder })).stdout
}

async function importCommand(folder: string, code: string): Promise<string> {
  assert.match(code, /^npx walv import --from /)
  return (await run(process.execPath, [MAIN, ...code.trim().split(' ').slice(2)], { cwd: folder })).stdout
}

test('The program of docs/langchain.md runs', async (t) => {
  const folder = await userFolder(t)
  const [, { code }] = (await blocksOf('langchain.md', 'walv/langchain')) as [object, { code: string }]
  const stdout = await program(folder, `${EMBEDDINGS}${code}console.log(document.id, document.pageContent)\n`)
  assert.equal(stdout, 'doc-1 The ship left the harbor\n')
})

test('The migration from MemoryVectorStore runs as docs/migrating.md shows it', async (t) => {
  const folder = await userFolder(t)
  const [dump, command, opened] = await blocksOf('migrating.md', 'From MemoryVectorStore')
  const vectors = await readFile(join(FIXTURES, 'memory-vector-store.json'), 'utf8')
  await program(folder, `const store = { memoryVectors: ${vectors} }\n${dump!.code}`)
  assert.match(await importCommand(folder, command!.code), /^12 vectors of 100 dimensions imported/)
  assert.match(await program(folder, EMBEDDINGS + opened!.code), /topic: 'sea'.*topic: 'sea'/s)
})

test('The migration from HNSWLib runs as docs/migrating.md shows it', async (t) => {
  const folder = await userFolder(t)
  await cp(join(FIXTURES, 'hnswlib-cosine'), join(folder, 'hnswlib'), { recursive: true })
  const [command, opened] = await blocksOf('migrating.md', 'From HNSWLib')
  assert.match(await importCommand(folder, command!.code), /^12 vectors of 100 dimensions imported/)
  assert.match(await program(folder, EMBEDDINGS + opened!.code), /topic: 'sea'.*topic: 'sea'/s)
})

test('The migration from vectra runs as docs/migrating.md shows it', async (t) => {
  const folder = await userFolder(t)
  await cp(join(FIXTURES, 'vectra'), join(folder, 'vectra'), { recursive: true })
  const [command, opened] = await blocksOf('migrating.md', 'From vectra')
  assert.match(await importCommand(folder, command!.code), /^12 vectors of 100 dimensions imported/)
  assert.match(await program(folder, EMBEDDINGS + opened!.code), /^(item-[0-2] 0\.\d+ sea\n){2}$/)
})

test('Without @langchain/core Node says what is missing, as docs/langchain.md says', async (t) => {
  const folder = await temporaryDirectory(t)
  await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  const importing = run(
    process.execPath,
    ['--input-type=module', '-e', "await import('./dist/adapters/langchain.js')"],
    { cwd: folder },
  )
  await assert.rejects(importing, ({ stderr }) => {
    assert.match(stderr, /ERR_MODULE_NOT_FOUND/)
    assert.match(stderr, /Cannot find package '@langchain\/core'/)
    return true
  })
})
