/** JSON values from the bytes of a text file. */
import type { JsonValue } from '../../mod.ts'
import { invalidFile } from './file.ts'
import type { Placed } from './row-parser.ts'

/** Drops a byte order mark. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** @throws WALV_INVALID_FILE */
export function toText(file: string, bytes: Uint8Array, { where, offset }: Omit<Placed, 'value'>): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw invalidFile(file, offset, `${where} is not UTF-8`, 'Write the file in UTF-8.', cause)
  }
}

/** Undefined where there is white space only. @throws WALV_INVALID_FILE */
export function parseJson(
  file: string,
  bytes: Uint8Array,
  place: Omit<Placed, 'value'>,
  hint: string,
): JsonValue | undefined {
  const text = toText(file, bytes, place)
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    const what = `${place.where} is not JSON (${(cause as Error).message})`
    throw invalidFile(file, place.offset, what, hint, cause)
  }
}
