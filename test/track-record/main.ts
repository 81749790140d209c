/**
 * `npm run track-record [-- A1 A3b]`: the test of each defect must fail on the commit that had it,
 * and pass now. The old commit is built in a folder of its own with the tests that were written for
 * its defects.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runNamedTest, runNode } from '../support/named-test.ts'
import { hasTest, type Row, rowsOf } from './rows.ts'

const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))
const MAX_TEST_MS = 120_000

const git = (...words: string[]): string => execFileSync('git', ['-C', ROOT, ...words], { encoding: 'utf8' })

/** Types are not checked: the tests may name what the old sources do not have. */
async function treeOf({ commit, testsOf }: Row): Promise<string> {
  const tree = join(mkdtempSync(join(tmpdir(), 'walv-track-record-')), 'tree')
  git('worktree', 'add', '--quiet', '--detach', tree, commit)
  execFileSync('git', ['-C', tree, 'rm', '-r', '--quiet', 'test'])
  execFileSync('git', ['-C', tree, 'checkout', '--quiet', testsOf, '--', 'test'])
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  for (const project of ['tsconfig.json', 'tsconfig.build.json']) {
    const args = ['node_modules/typescript/bin/tsc', '-p', project, '--noCheck']
    const { code, output } = await runNode(tree, args, MAX_TEST_MS)
    if (code !== 0) throw new Error(`${commit} does not compile:\n${output}`)
  }
  return tree
}

function removeTree(tree: string): void {
  git('worktree', 'remove', '--force', tree)
  rmSync(join(tree, '..'), { recursive: true, force: true })
}

/** Where a test stood that may have been moved since. */
function oldFileOf(tree: string, { file, test }: Row): string {
  const found = readdirSync(join(tree, 'test'), { recursive: true, withFileTypes: true })
    .filter(({ name }) => name.endsWith('.test.ts'))
    .map(({ parentPath, name }) => relative(tree, join(parentPath, name)))
    .filter((path) => hasTest(readFileSync(join(tree, path), 'utf8'), test))
  return found.find((path) => path === file) ?? found[0] ?? file
}

/**
 * A test that the old sources cannot even load, or that does not end there, shows the defect less
 * well, but does.
 */
async function outcomeIn(tree: string, file: string, test: string): Promise<string> {
  try {
    const { isRed, says } = await runNamedTest(tree, file, test, MAX_TEST_MS)
    return isRed ? `red (${says})` : 'green'
  } catch (error) {
    return `red (${(error as Error).message.split('\n')[0]})`
  }
}

async function main(ids: readonly string[]): Promise<number> {
  const rows = rowsOf(readFileSync(join(ROOT, 'docs/track-record.md'), 'utf8'))
  const unknown = ids.find((id) => !rows.some((row) => row.id === id))
  if (unknown !== undefined) {
    console.error(`There is no row ${unknown}. There are: ${rows.map(({ id }) => id).join(', ')}.`)
    return 2
  }
  const trees = new Map<string, string>()
  let isRight = true
  try {
    for (const row of rows.filter(({ id }) => ids.length === 0 || ids.includes(id))) {
      const key = `${row.commit} ${row.testsOf}`
      const tree = trees.get(key) ?? (await treeOf(row))
      trees.set(key, tree)
      const before = await outcomeIn(tree, oldFileOf(tree, row), row.test)
      const now = await outcomeIn(ROOT, row.file, row.test)
      isRight &&= before !== 'green' && now === 'green'
      console.log(`${row.id}\n  ${row.commit}: ${before}\n  now: ${now}`)
    }
  } finally {
    for (const tree of trees.values()) removeTree(tree)
  }
  return isRight ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message)
  return 1
})
