import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { mock } from 'node:test'

/** Replaces a function of `node:fs`, for all who import it, until `restoreFs()`. */
export function replaceFs(
  name: 'close' | 'fdatasync' | 'fsync' | 'ftruncate' | 'open' | 'read' | 'write' | `${string}Sync`,
  by: unknown,
): void {
  mock.method(fs, name as never, by as never)
  syncBuiltinESMExports()
}

export function restoreFs(): void {
  mock.restoreAll()
  syncBuiltinESMExports()
}

export const failure = (code: string): Error => Object.assign(new Error(code), { code })
