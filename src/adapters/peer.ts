import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { WalError } from '../errors.ts'

/**
 * An npm package that an adapter needs and that its user installs. package.json takes any version
 * of it, so that it never keeps walv from being installed; what it must be is said here, and
 * checked when it is used.
 */
export interface Peer {
  /** The subpath of walv that needs it. */
  readonly adapter: string
  readonly name: string
  /** The one to install. Later ones of the same major version will do too. */
  readonly version: string
  /** The first that will do, where that is an earlier one than `version`. */
  readonly from?: string
}

/**
 * Where a bundler makes CommonJS of this, there is no `import.meta.url`, but the bundle has a name.
 */
const makeRequire = (): NodeJS.Require => createRequire(import.meta.url || __filename)

/**
 * The file that a peer is loaded from, and its version; undefined if it is not installed, or is
 * within a bundle.
 */
export function findPeer(
  { name }: Peer,
  subpath = '',
): { readonly entry: string; readonly found: string } | undefined {
  let entry: string
  try {
    entry = makeRequire().resolve(`${name}${subpath}`)
  } catch {
    return undefined
  }
  return { entry, found: versionAt(entry, name) }
}

/** @throws WALV_ENGINE, naming the version that is there and those that will do */
export function checkPeer(
  peer: Peer,
  { entry, found }: { readonly entry: string; readonly found: string },
): void {
  const { adapter, name, version, from = version } = peer
  const before = [majorOf(version) + 1, 0, 0]
  if (isInOrder(partsOf(from), partsOf(found)) && !isInOrder(before, partsOf(found))) return
  const needs = `walv/${adapter} needs ${name} ${from} or newer, before ${before.join('.')}`
  throw new WalError('WALV_ENGINE', `${needs}, and ${found} is installed. ${installLine(peer)}`, {
    file: entry,
  })
}

/**
 * Loads a peer when it is asked for, so that walv can be used without. Synchronous, as native
 * packages are.
 * @throws WALV_ENGINE if it is not installed, is of a version that will not do, or does not load
 */
export function loadPeer(peer: Peer): unknown {
  const { adapter, name } = peer
  const place = findPeer(peer)
  if (place === undefined) {
    const needs = `walv/${adapter} needs the package ${name}, which is not installed`
    throw new WalError('WALV_ENGINE', `${needs}. ${installLine(peer)}`)
  }
  checkPeer(peer, place)
  try {
    return makeRequire()(name)
  } catch (cause) {
    const where = `Node ${process.version}, ${process.platform}-${process.arch}`
    const failed = `${name} ${place.found} is installed, but does not load on ${where}`
    const remedy = `Let npm run its install script, and build it: npm rebuild ${name}`
    throw new WalError('WALV_ENGINE', `${failed}: ${(cause as Error).message}. ${remedy}`, {
      file: place.entry,
      cause,
    })
  }
}

const installLine = ({ name, version }: Peer): string => `Run: npm install ${name}@${version}`

/**
 * The version of the package that a file belongs to. Read from the file, because packages need not
 * export their `package.json`.
 */
function versionAt(file: string, name: string): string {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (found.name === name) return String(found.version)
    } catch {
      // No package here: it is further up.
    }
  }
  return 'an unknown version'
}

const partsOf = (version: string): number[] => version.split('.').map((part) => Number.parseInt(part, 10))

const majorOf = (version: string): number => partsOf(version)[0]!

/** Whether `b` is `a` or a later version. Never so of what is no version. */
function isInOrder(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((part, i) => part !== b[i])
  return at < 0 || a[at]! < b[at]!
}
