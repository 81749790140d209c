/** Inputs that once found a defect. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const FOUND: string = fileURLToPath(new URL('../../../test/fuzz/found/', import.meta.url))

export interface FoundInput {
  /** The target's name stands before the first dot. */
  readonly file: string
  readonly input: Uint8Array
}

export const foundInputs = (): FoundInput[] =>
  readdirSync(FOUND)
    .filter((file) => file.endsWith('.hex'))
    .toSorted()
    .map((file) => ({ file, input: Buffer.from(readFileSync(join(FOUND, file), 'latin1').trim(), 'hex') }))
