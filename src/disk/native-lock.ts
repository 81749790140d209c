/**
 * Where the call comes from that locks a file: in Node from the addon `fs-native-extensions`, in
 * Bun and Deno from libc. The addon calls functions of libuv that those two do not have, which ends
 * the process; so it is never loaded there.
 */
import { WalError } from '../errors.ts'
import { type BunFfi, type DenoFfi, libcLock, libcOfBun, libcOfDeno, type NativeLock } from './libc-lock.ts'

/** Where we run. Tests replace it. */
export interface Runtime {
  readonly versions: Readonly<Record<string, string | undefined>>
  readonly platform: string
  readonly arch: string
}

/**
 * The first versions whose files are those of the operating system, and whose calls of libc are
 * known to work.
 */
const FIRST_TESTED = { bun: '1.4', deno: '2.9' }

type Addon = Pick<typeof import('fs-native-extensions'), 'tryLock' | 'unlock'>

/**
 * Imported when it is needed, so that everything that only reads works where the addon does not
 * load.
 */
const importAddon = (): Promise<Addon> => import('fs-native-extensions')

/**
 * @throws WALV_LOCK_UNAVAILABLE if there is none in this runtime. Nothing native has run then,
 * unless it is what failed.
 */
export async function nativeLock(
  runtime: Runtime = process,
  addon: () => Promise<Addon> = importAddon,
): Promise<NativeLock> {
  const name = runtime.versions.bun ? 'bun' : runtime.versions.deno ? 'deno' : 'node'
  if (name === 'node') return addonLock(runtime, addon)
  const version = runtime.versions[name]!
  const called = `${name === 'bun' ? 'Bun' : 'Deno'} ${version}`
  if (runtime.platform === 'win32')
    throw unavailable(`${called} has no lock that walv can use on Windows. Run it with Node there`)
  if (isOlder(version, FIRST_TESTED[name]))
    throw unavailable(
      `${called} is older than ${FIRST_TESTED[name]}, the first that walv can lock files in. Update it`,
    )
  try {
    const libc =
      name === 'bun'
        ? libcOfBun(process.getBuiltinModule('bun:ffi') as unknown as BunFfi)
        : libcOfDeno((globalThis as unknown as { Deno: DenoFfi }).Deno)
    return libcLock(libc)
  } catch (cause) {
    const remedy =
      name === 'deno'
        ? 'Deno needs the permission --allow-ffi for it, to call the lock of the operating system'
        : 'Run it on a system with glibc, or with Node'
    throw unavailable(`libc does not load in ${called}: ${reasonOf(cause)}. ${remedy}`, cause)
  }
}

async function addonLock(
  { versions, platform, arch }: Runtime,
  addon: () => Promise<Addon>,
): Promise<NativeLock> {
  try {
    const { tryLock, unlock } = await addon()
    // Windows' locks forbid even reading, so the range lies far behind the text; macOS knows the
    // whole file only (`0, 0`).
    const [offset, length] = platform === 'win32' ? [2 ** 40, 1] : [0, 0]
    return {
      tryLock: (descriptor) => tryLock(descriptor, offset, length),
      unlock: (descriptor) => unlock(descriptor, offset, length),
    }
  } catch (cause) {
    const what = `the native addon fs-native-extensions does not load in Node ${versions.node}, ${platform}-${arch}`
    const remedy =
      'If a bundler made this program, mark fs-native-extensions as external and ship it beside (docs/bundlers.md). Otherwise install walv anew, on this system: there is none for Alpine (musl)'
    throw unavailable(`${what}: ${reasonOf(cause)}. ${remedy}`, cause)
  }
}

const unavailable = (what: string, cause?: unknown): WalError =>
  new WalError(
    'WALV_LOCK_UNAVAILABLE',
    `The log cannot be locked, and is not opened for writing without: ${what}. Reading, with readOnly, needs no lock.`,
    { cause },
  )

/** The first line of it: what follows lists where it was looked for. */
const reasonOf = (cause: unknown): string =>
  String((cause as Error)?.message ?? cause)
    .split('\n')[0]!
    .slice(0, 200)

function isOlder(version: string, first: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [firstMajor = 0, firstMinor = 0] = first.split('.').map(Number)
  return major < firstMajor || (major === firstMajor && minor < firstMinor)
}
