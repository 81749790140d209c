/**
 * The runtimes beside Node that walv is tested on: the npm registry has each as a package with the
 * program in it.
 */
import { join } from 'node:path'
import { registryProgram } from './nodes.ts'

export const BUN_VERSION = '1.4.5'
export const DENO_VERSION = '2.9.6'

const isArm = process.arch === 'arm64'
const isLinux = process.platform === 'linux'

/** Whether the packages are known for this machine. */
export const HAS_RUNTIMES: boolean = isLinux || process.platform === 'darwin'

/** Path of the program `bun`. */
export function bunProgram(): Promise<string> {
  const name = `@oven/bun-${process.platform}-${isArm ? 'aarch64' : 'x64'}`
  return registryProgram(name, BUN_VERSION, join('bin', 'bun'))
}

/** Path of the program `deno`. */
export function denoProgram(): Promise<string> {
  const name = `@deno/${process.platform}-${process.arch}${isLinux ? '-glibc' : ''}`
  return registryProgram(name, DENO_VERSION, 'deno')
}
