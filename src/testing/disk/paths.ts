import { sep } from 'node:path'

/** Windows has two separators, and a drive where others have nothing before the first. */
const SEPARATORS = sep === '/' ? '/' : /[\\/]/

export function namesOf(path: string): string[] {
  return path.split(SEPARATORS).slice(1).filter(Boolean)
}
