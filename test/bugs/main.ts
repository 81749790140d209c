/**
 * `npm run bugs`: puts each bug into a copy of walv, and demands that the test that is named for it
 * fails, within a minute.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runNamedTest, runNode, type TestOutcome } from '../support/named-test.ts'
import { BUGS, type Bug, type Edit, type TestName } from './bugs.ts'

const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))
const COPIED = ['src', 'test', 'bench/src', 'docs', 'examples', 'tsconfig.json', 'package.json']
/** A bug is caught within a minute. A test that passes may take longer: it runs all its seeds. */
const MAX_TEST_MS = 60_000
const MAX_PASSING_MS = 180_000

async function copyOfWalv(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'walv-bug-'))
  for (const name of COPIED) await cp(join(ROOT, name), join(copy, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction')
  return copy
}

async function apply(copy: string, { file, find, replace }: Edit): Promise<void> {
  const path = join(copy, file)
  const content = await readFile(path, 'utf8')
  const count = content.split(find).length - 1
  if (count !== 1) throw new Error(`${JSON.stringify(find)} stands ${count} times in ${file}, not once`)
  await writeFile(
    path,
    content.replace(find, () => replace),
  )
}

async function build(copy: string): Promise<void> {
  const { code, output } = await runNode(
    copy,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
    MAX_TEST_MS,
  )
  if (code !== 0) throw new Error(`it does not compile:\n${output}`)
}

const outcomeOf = (copy: string, { file, test }: TestName, maxMs: number): Promise<TestOutcome> =>
  runNamedTest(copy, file, test, maxMs)

async function withCopy<T>(edits: readonly Edit[], work: (copy: string) => Promise<T>): Promise<T> {
  const copy = await copyOfWalv()
  try {
    for (const edit of edits) await apply(copy, edit)
    await build(copy)
    return await work(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Without a bug every test that is to catch one must pass, or catching means nothing. */
async function unpatchedIsGreen(): Promise<boolean> {
  const tests = new Map(BUGS.map(({ caughtBy }) => [`${caughtBy.file} ${caughtBy.test}`, caughtBy]))
  return withCopy([], async (copy) => {
    let green = true
    for (const test of tests.values()) {
      const { isRed, says, durationMs } = await outcomeOf(copy, test, MAX_PASSING_MS)
      console.log(`| none | ${isRed ? 'FAILS' : 'passes'}: ${test.test} | ${seconds(durationMs)} | ${says} |`)
      green &&= !isRed
    }
    return green
  })
}

async function isCaught({ name, edits, caughtBy }: Bug): Promise<boolean> {
  const { isRed, says, durationMs } = await withCopy(edits, (copy) => outcomeOf(copy, caughtBy, MAX_TEST_MS))
  console.log(
    `| ${name} | ${isRed ? caughtBy.test : `NOT CAUGHT by ${caughtBy.test}`} | ${seconds(durationMs)} | ${says} |`,
  )
  return isRed
}

const seconds = (durationMs: number): string => `${(durationMs / 1_000).toFixed(1)} s`

/** Takes names of bugs; without, all. Returns the exit code. */
async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !BUGS.some((bug) => bug.name === name))
  if (unknown !== undefined) {
    console.error(`There is no bug ${unknown}. There are: ${BUGS.map(({ name }) => name).join(', ')}.`)
    return 2
  }
  console.log('| bug | caught by | in | it says |\n|---|---|---|---|')
  let good = names.length > 0 || (await unpatchedIsGreen())
  for (const bug of BUGS)
    if (names.length === 0 || names.includes(bug.name)) good = (await isCaught(bug)) && good
  return good ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message)
  return 1
})
