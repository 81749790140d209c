import { echo } from '../echo.ts'
import type { CustomEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import { CONDITION_KIND } from './condition.ts'
import { INDEX_KIND } from './index-record.ts'

/** Kinds of custom entries that begin so are walv's own. */
export const OWN_KINDS = 'walv.'
/** What a log that was converted from v1 notes of records that v2 does not have. */
export const V1_NOTE_KIND = 'walv.v1'

const KNOWN: ReadonlySet<string> = new Set([CONDITION_KIND, INDEX_KIND, V1_NOTE_KIND])

/**
 * What takes effect may depend on an entry of walv's own: one that is not known must be understood.
 * @throws WALV_UNSUPPORTED_FEATURE
 */
export function needKnownKind({ kind }: CustomEntry): void {
  if (!kind.startsWith(OWN_KINDS) || KNOWN.has(kind)) return
  throw new WalError(
    'WALV_UNSUPPORTED_FEATURE',
    `The log has an entry of the kind ${echo(kind)}, which this walv does not know. What takes effect may depend on it. Use a newer walv.`,
  )
}
