import type { CustomEntry, IndexIdentity, JsonValue, Metric, WalEntry } from '../entry.ts'
import { MAX_DIMENSIONS } from '../limits.ts'
import { decodeMetadata } from './metadata.ts'

/** The kind of the custom record that says what vectors a log holds. `docs/format.md` has it. */
export const INDEX_KIND = 'walv.index'

const METRICS: readonly Metric[] = ['cosine', 'l2', 'ip']

/** The members that make up an identity, in their order. */
export const identityOf = ({ dimensions, metric, elementType, model }: IndexIdentity): IndexIdentity => ({
  dimensions,
  metric,
  elementType,
  ...(model !== undefined && { model }),
})

export const indexRecord = (identity: IndexIdentity): CustomEntry => ({
  type: 'custom',
  kind: INDEX_KIND,
  data: Uint8Array.from(Buffer.from(JSON.stringify(identityOf(identity)), 'utf8')),
})

/** What an entry says of the vectors in its log; undefined for one that says nothing of them. */
export function indexIdentity(entry: WalEntry): IndexIdentity | undefined {
  if (entry.type !== 'custom' || entry.kind !== INDEX_KIND) return undefined
  const { buffer, byteOffset, length } = entry.data
  return identityIn(decodeMetadata(Buffer.from(buffer, byteOffset, length)))
}

/**
 * What a JSON value, a snapshot's `info` for example, says of it; undefined if that makes no sense.
 */
export function identityIn(value: JsonValue | undefined): IndexIdentity | undefined {
  const { dimensions, metric, elementType = 'f32', model } = (value ?? {}) as Partial<IndexIdentity>
  const fits =
    Number.isInteger(dimensions) &&
    dimensions! >= 0 &&
    dimensions! <= MAX_DIMENSIONS &&
    METRICS.includes(metric!) &&
    elementType === 'f32' &&
    (model === undefined || typeof model === 'string')
  return fits
    ? identityOf({ dimensions: dimensions!, metric: metric!, elementType, ...(model && { model }) })
    : undefined
}
