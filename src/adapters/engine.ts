import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { WalError } from '../errors.ts'

/** An npm package that an adapter needs and that its user installs. */
export interface EnginePackage {
  readonly name: string
  /** The first version that will do, and the one to install. */
  readonly version: string
}

const require = createRequire(import.meta.url)

/**
 * Loads an engine when it is asked for, so that walv can be used without. Synchronous, as native packages are.
 * @throws WALV_ENGINE if it is not installed, is of a version that will not do, or does not load
 */
export function loadEngine(engine: EnginePackage): unknown {
  const { name, version } = engine
  const install = `Run: npm install ${name}@${version}`
  const entry = resolved(name)
  if (entry === undefined) {
    throw new WalError(
      'WALV_ENGINE',
      `walv/${adapterOf(name)} needs the package ${name}, which is not installed. ${install}`,
    )
  }
  const found = versionAt(entry, name)
  if (!isNewEnough(found, version)) {
    const needs = `walv/${adapterOf(name)} needs ${name} ${version} or newer, before ${majorOf(version) + 1}.0.0`
    throw new WalError('WALV_ENGINE', `${needs}, and ${found} is installed. ${install}`, { file: entry })
  }
  try {
    return require(name)
  } catch (cause) {
    const failed = `${name} ${found} is installed, but does not load on Node ${process.version}, ${process.platform}-${process.arch}`
    const remedy = `Let npm run its install script, and build it: npm rebuild ${name}`
    throw new WalError('WALV_ENGINE', `${failed}: ${(cause as Error).message}. ${remedy}`, { file: entry, cause })
  }
}

const adapterOf = (name: string): string => name.replace(/-node$/, '')

function resolved(name: string): string | undefined {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

/** The version of the package that a file belongs to. Read from the file, because packages need not export their `package.json`. */
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

function isNewEnough(found: string, wanted: string): boolean {
  const [major = Number.NaN, minor = 0, patch = 0] = partsOf(found)
  const [wantedMajor = 0, wantedMinor = 0, wantedPatch = 0] = partsOf(wanted)
  if (major !== wantedMajor) return false
  return minor === wantedMinor ? patch >= wantedPatch : minor > wantedMinor
}
