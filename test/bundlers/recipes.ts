/** The recipes of docs/bundlers.md, to be done word for word. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { pack } from '../package/installed.ts'
import { npm, ROOT, run, withNode } from '../package/nodes.ts'
import { temporaryDirectory } from '../support/logs.ts'

/**
 * What is bundled: it opens an index, adds a vector, and prints how many there are, or the error.
 */
const PROGRAM = `
import { DurableIndex, flat } from 'walv'

async function main() {
  const index = await DurableIndex.open({ directory: process.argv[2], index: flat({ dimensions: 2 }) })
  await index.insert('a', [1, 2])
  console.log(index.size)
  await index.close()
}
main().catch((error) => console.log(error.name, error.code, error.message))
`

export interface Recipe {
  readonly files: ReadonlyMap<string, string>
  readonly commands: readonly string[]
}

/** The files and the commands below a heading. */
export async function recipeOf(heading: string): Promise<Recipe> {
  const page = await readFile(join(ROOT, 'docs/bundlers.md'), 'utf8')
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0]
  assert.ok(section, `docs/bundlers.md has no ${heading}`)
  const files = [...section.matchAll(/^`([\w.-]+)`\n\n```\w+[^\n]*\n(.*?)^```$/gms)]
  const shells = [...section.matchAll(/^```sh\n(.*?)^```$/gms)]
  return {
    files: new Map(files.map(([, name, code]) => [name!, code!])),
    commands: shells.flatMap(([, lines]) => lines!.trim().split('\n')),
  }
}

/**
 * Makes a project in a folder, with walv as it is packed and with `packages`; `main.mjs` is the
 * program.
 */
export async function project(cwd: string, packages: readonly string[]): Promise<void> {
  await writeFile(join(cwd, 'package.json'), '{ "name": "app", "private": true }')
  await writeFile(join(cwd, 'main.mjs'), PROGRAM)
  await npm(cwd, ['install', (await pack(cwd)).tarball, ...packages])
}

export async function follow(cwd: string, { files, commands }: Recipe): Promise<void> {
  for (const [name, code] of files) await writeFile(join(cwd, name), code)
  for (const command of commands) await shell(cwd, command)
}

/** A command as it stands in the page; npm's own may take from its cache. */
export async function shell(cwd: string, command: string): Promise<void> {
  const env = { ...withNode(process.execPath), npm_config_prefer_offline: 'true', npm_config_audit: 'false' }
  await promisify(execFile)('/bin/sh', ['-c', command], { cwd, env, timeout: 240_000 }).catch(
    ({ stdout, stderr }) => assert.fail(`${command}\n${stdout}${stderr}`),
  )
}

/** Ships `out` to where no `node_modules` of the project is above it. */
export async function ship(t: TestContext, cwd: string): Promise<string> {
  const shipped = join(await temporaryDirectory(t), 'shipped')
  await rename(join(cwd, 'out'), shipped)
  return shipped
}

/** What the bundle prints when it runs in a folder. */
export async function printedBy(folder: string, bundle = 'main.mjs'): Promise<string> {
  await mkdir(join(folder, 'data'))
  const { stdout } = await run(process.execPath, [bundle, 'data'], { cwd: folder })
  return stdout.trim()
}
