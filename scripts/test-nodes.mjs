// Runs the built suite on every Node that walv promises to run on, or on those named on the command
// line: `npm run test:nodes -- 22 26`. What each printed is kept in build/. Ends with 1 if anything
// failed.
import { spawnSync } from 'node:child_process'
import { openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NODE_VERSIONS, NPM, nodeProgram, ROOT, withNode } from '../build/test/package/nodes.js'

const wanted = process.argv.slice(2)
const versions = NODE_VERSIONS.filter(
  (version) => !wanted.length || wanted.some((prefix) => version.startsWith(prefix)),
)
const files = readdirSync(join(ROOT, 'build/test'), { recursive: true })
const tests = files.filter((name) => name.endsWith('.test.js')).map((name) => join('build/test', name))

for (const version of versions) {
  const node = await nodeProgram(version)
  const output = join(ROOT, `build/node-${version}.txt`)
  const args = ['--test', '--test-reporter=spec', '--test-concurrency=2', ...tests.sort()]
  const { status } = spawnSync(node, args, {
    cwd: ROOT,
    // These have no npm beside them.
    env: { ...withNode(node), npm_execpath: NPM },
    stdio: ['ignore', openSync(output, 'w'), 'inherit'],
  })
  const printed = readFileSync(output, 'utf8')
  const count = (what) => printed.match(new RegExp(`^ℹ ${what} (\\d+)$`, 'm'))?.[1] ?? 'unknown'
  console.log(
    `Node ${version}: ${count('pass')} passed, ${count('fail')} failed, ${count('skipped')} skipped`,
  )
  if (status === 0) continue
  process.exitCode = 1
  console.log(printed.split('✖ failing tests:')[1] ?? `No test ran to its end: see ${output}.`)
}
