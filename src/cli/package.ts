/** walv's own package: its folder, and what its package.json says. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WalError } from '../mod.ts'

/**
 * The folder of walv's own package.json: compiled code lies at different depths below it, in a
 * package and in a checkout.
 */
export function packageFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url))
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'walv') return folder
  }
  throw new WalError('WALV_INVALID_FILE', `walv's package.json is not above ${start}. Install walv again.`, {
    file: start,
  })
}

export function packageVersion(): string {
  return JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')).version
}
