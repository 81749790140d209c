/** Runs one test of a built tree by its name, in a process of its own. */
import { spawn } from 'node:child_process'

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Letters of an error that are repeated. */
const MAX_SAID = 160

/** What became of a test. `says`: what the failing one says first. */
export interface TestOutcome {
  readonly isRed: boolean
  readonly says: string
  readonly durationMs: number
}

export function runNode(directory: string, args: readonly string[], maxMs: number): Promise<Ended> {
  // A runner that finds this set takes itself for a part of the one that started it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: directory,
      env,
      timeout: maxMs,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

/**
 * @param directory the tree, built into its folder `build`
 * @param file the test file, from the tree's root, as TypeScript
 * @throws if the file does not get to the test
 */
export async function runNamedTest(
  directory: string,
  file: string,
  test: string,
  maxMs: number,
): Promise<TestOutcome> {
  const started = performance.now()
  const pattern = `^${test.replace(/[^\w ]/g, '\\$&')}$`
  const path = file.replace(/^test/, 'build/test').replace(/\.ts$/, '.js')
  const args = ['--test-reporter=tap', `--test-name-pattern=${pattern}`, path]
  const { code, output } = await runNode(directory, args, maxMs)
  const durationMs = performance.now() - started
  const lines = output.split('\n').map((line) => line.trim())
  const shown = test.replace(/[\\#]/g, '\\$&')
  // To its end: another one's name may begin like it, and that one is told as skipped.
  const place = lines.findIndex((line) => /^(not )?ok \d+ - /.test(line) && line.endsWith(` - ${shown}`))
  if (place < 0)
    throw new Error(
      `${file} did not get to ${JSON.stringify(test)} (exit code ${code}):\n${output.slice(-2_000)}`,
    )
  const isRed = lines[place]!.startsWith('not ok')
  const error = lines.findIndex((line, at) => at > place && line.startsWith('error:'))
  return { isRed, says: isRed ? sentenceOf(lines.slice(error)) : '', durationMs }
}

/**
 * An error stands behind its key, or below it: its first lines, but for those that stand in each of
 * its kind.
 */
function sentenceOf([first = '', ...others]: readonly string[]): string {
  const own = first.replace(/^error: /, '').replace(/^['"]|['"]$/g, '')
  if (!/^[|>]/.test(own)) return own.slice(0, MAX_SAID)
  const below = others.slice(0, others.indexOf("code: 'ERR_ASSERTION'") >>> 0)
  const telling = below.filter((line) => line !== '' && !/^(Expected|\+ actual - expected)/.test(line))
  return telling.slice(0, 4).join(' ').slice(0, MAX_SAID)
}
