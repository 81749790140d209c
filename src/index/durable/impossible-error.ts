import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import { IDEMPOTENCY_WINDOW_MS } from '../../limits.ts'
import type { Impossible } from './unit.ts'

type Refused = Exclude<Impossible, { readonly code: 'repeated' }>

/**
 * Tells a caller why a change has no effect. `seq`: its place in the log; undefined where nothing
 * was logged.
 */
export function impossibleError(impossible: Refused, seq?: number): WalError {
  const where =
    seq === undefined
      ? 'Nothing was logged.'
      : `So it stands at the place of this change in the log, record ${seq}: it has no effect, on any reader.`
  const details = { fate: 'not-logged', ...(seq !== undefined && { seq }) } as const
  if ('key' in impossible) {
    const { key, first } = impossible
    const hours = IDEMPOTENCY_WINDOW_MS / 3_600_000
    return new WalError(
      'WALV_CONFLICT',
      `The idempotency key ${echo(key)} stands for another change, record ${first.seq}. Use a new key for each change; a key is kept for ${hours} hours. ${where}`,
      { ...details, detail: { idempotencyKey: key, seq: first.seq } },
    )
  }
  if ('found' in impossible) {
    const { code, id, found, dimensions } = impossible
    const message = `The vector of ${echo(id)} has ${found} dimensions; the index has ${dimensions}. ${where}`
    return new WalError(code, message, { ...details, id })
  }
  const { code, id } = impossible
  if ('ifSeq' in impossible) {
    const { ifSeq, seq: found } = impossible
    return new WalError(code, `${conflictText(echo(id), ifSeq, found)} ${where}`, {
      ...details,
      id,
      detail: { id, ifSeq, seq: found },
    })
  }
  const why =
    code === 'WALV_DUPLICATE_ID'
      ? 'exists already. Use upsert to replace it.'
      : 'does not exist. Use upsert to make it.'
  return new WalError(code, `${echo(id)} ${why} ${where}`, { ...details, id })
}

function conflictText(id: string, ifSeq: number | null, seq: number | null): string {
  const again = 'Read it again, and decide anew.'
  if (ifSeq === null) return `${id} exists already: its last change is record ${seq}. ${again}`
  if (seq === null) return `${id} is not there any more; it was expected as record ${ifSeq} left it. ${again}`
  return `${id} was changed: its last change is record ${seq}, and not ${ifSeq}. ${again}`
}

/** Whether a change was refused since an id was not as it was expected. */
export const isConditionConflict = (error: unknown): boolean =>
  error instanceof WalError &&
  error.code === 'WALV_CONFLICT' &&
  typeof error.detail === 'object' &&
  error.detail !== null &&
  'ifSeq' in error.detail
