/**
 * Other versions of Node than the one that runs: the npm registry has each as a package with the
 * program in it.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Runs a program, and rejects if it fails or takes minutes. */
export const run = (
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(program, args, {
    ...options,
    encoding: 'utf8',
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })

/**
 * For programs that must print no warning: that of a slow sync is the machine's affair, which is
 * busy when all tests run.
 */
export const NO_SLOW_SYNC = '--disable-warning=WALV_SLOW_SYNC'

/** The oldest that walv promises to run on, and every line that is kept up. */
export const NODE_VERSIONS: readonly string[] = ['20.19.0', '22.23.3', '24.21.0', '26.10.0']

export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))
const CACHE = join(ROOT, 'node_modules/.cache/programs')
const PROGRAM = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'

/** npm's own program, to be run with any Node. */
export const NPM: string =
  process.env.npm_execpath || join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')

/** Path of the program `node` of a version; installed where it is not there yet. */
export function nodeProgram(version: string): Promise<string> {
  const system = process.platform === 'win32' ? 'win' : process.platform
  return registryProgram(`node-${system}-${process.arch}`, version, PROGRAM)
}

/**
 * Path of a program in a package of the npm registry, from the package's root; installed where it
 * is not there yet.
 */
export async function registryProgram(name: string, version: string, file: string): Promise<string> {
  const place = join(CACHE, name, version)
  const program = join(place, 'node_modules', name, file)
  if (existsSync(program)) return program

  const temporary = `${place}.${process.pid}`
  await mkdir(temporary, { recursive: true })
  await writeFile(join(temporary, 'package.json'), '{ "private": true }')
  await npm(temporary, [
    'install',
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    `${name}@${version}`,
  ])
  await rename(temporary, place).catch(() => rm(temporary, { recursive: true }))
  return program
}

/** Runs npm in a folder, with the given Node, and resolves to what it prints. */
export async function npm(
  cwd: string,
  args: readonly string[],
  node: string = process.execPath,
): Promise<string> {
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  const { stdout } = await run(node, [NPM, ...args, ...options], { cwd, env: withNode(node) })
  return stdout
}

/**
 * The environment in which `node` is that program. What an npm around us has set would be taken for
 * the user's own configuration.
 */
export function withNode(node: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
  return { ...Object.fromEntries(own), PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
}
