import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import { decodeSummed, encodeSummed } from '../../format/summed-line.ts'
import { MAX_SEQUENCE } from '../../limits.ts'

/** How far a log was read. */
export interface CursorPlace {
  /** Everything that takes effect up to and including this record was told; −1: nothing was. */
  readonly position: number
  /** Where reading has to begin for what comes: at the oldest transaction that was open then. */
  readonly replayFrom: number
}

/** What the file of a cursor says. */
export interface CursorContent extends CursorPlace {
  readonly name: string
  /** Of the log that it is about, in hex. */
  readonly logId: string
  readonly maxHeldBytes: number
}

/**
 * Names of files on every file system: those that fold letters have one for `a` and `A`, and
 * Windows keeps some for its devices.
 */
const CURSOR_NAME = /^(?!(?:con|prn|aux|nul|com\d|lpt\d)$)[a-z0-9][a-z0-9_-]{0,63}$/
const SUFFIX = '.json'

export const cursorFileName = (name: string): string => `${name}${SUFFIX}`

/** The name of the cursor that such a file is of; undefined for a file of something else. */
export function cursorOfFile(fileName: string): string | undefined {
  const name = fileName.endsWith(SUFFIX) ? fileName.slice(0, -SUFFIX.length) : ''
  return CURSOR_NAME.test(name) ? name : undefined
}

/** @throws WALV_INVALID_OPTION */
export function checkCursorName(name: unknown): asserts name is string {
  if (typeof name === 'string' && CURSOR_NAME.test(name)) return
  throw new WalError(
    'WALV_INVALID_OPTION',
    `${echo(name)} cannot be the name of a cursor, which is a file's too: use 1 to 64 of the characters a to z, 0 to 9, '-' and '_', the first a letter or digit, and no name of a device of Windows.`,
  )
}

export const encodeCursor = ({ name, logId, position, replayFrom, maxHeldBytes }: CursorContent): Buffer =>
  encodeSummed({ name, logId, position, replayFrom, maxHeldBytes })

/** Undefined where it is not whole, or of another cursor. */
export function decodeCursor(name: string, bytes: Buffer): CursorContent | undefined {
  const found = Object(decodeSummed(bytes)) as CursorContent
  const { position, replayFrom, maxHeldBytes } = found
  const areNumbers = [position + 1, replayFrom, maxHeldBytes].every(isPlausible)
  const isWhole = areNumbers && replayFrom <= position + 1 && /^[0-9a-f]{32}$/.test(found.logId)
  return isWhole && found.name === name ? found : undefined
}

const isPlausible = (number: number): boolean =>
  Number.isSafeInteger(number) && number >= 0 && number <= MAX_SEQUENCE + 1
