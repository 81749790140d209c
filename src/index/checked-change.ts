import type { BatchMember, EntryInput, JsonValue, UpdateEntry, VectorInput } from '../entry.ts'
import { WalError } from '../errors.ts'
import { checkedIdBytes, vectorOf } from '../format/encode.ts'
import { encodeMetadata } from '../format/metadata.ts'
import { MAX_BATCH_NESTING } from '../limits.ts'
import { wrongDimensions } from './index-state.ts'
import { type MetadataSchema, metadataBySchema } from './metadata-schema.ts'
import type { VectorIndex } from './vector-index.ts'

/** What changes of an index have to fit. */
export interface ChangeRules {
  readonly index: VectorIndex
  readonly metadataSchema: MetadataSchema | undefined
}

/**
 * Validates changes and copies what they hold, so that the caller may go on using it.
 * @throws WALV_INVALID_ENTRY, WALV_INVALID_ID, WALV_INVALID_VECTOR, WALV_INVALID_METADATA, WALV_LIMIT; nothing was logged
 */
export function checkedEntry(entry: EntryInput, rules: ChangeRules, nesting: number = 0): BatchMember {
  switch (entry?.type) {
    case 'insert': {
      checkedIdBytes(entry.id)
      const vector = checkedVector(entry.id, entry.vector, rules.index)
      const metadata = ownMetadata(entry.id, entry.metadata ?? null, rules)
      return { type: 'insert', id: entry.id, vector, metadata, ...(entry.replace && { replace: true }) }
    }
    case 'update':
      return checkedUpdate(entry, rules)
    case 'delete':
      checkedIdBytes(entry.id)
      return { type: 'delete', id: entry.id }
    case 'batch':
      if (!Array.isArray(entry.entries))
        throw new WalError('WALV_INVALID_ENTRY', 'The entries of a batch must be an array. Nothing was logged.')
      if (nesting >= MAX_BATCH_NESTING) {
        throw new WalError('WALV_LIMIT', `Batches may be nested at most ${MAX_BATCH_NESTING} deep. Nothing was logged.`)
      }
      return { type: 'batch', entries: Array.from(entry.entries, (member) => checkedEntry(member, rules, nesting + 1)) }
    case 'custom':
      // An index ignores it; the log checks it.
      return entry
    default:
      throw new WalError(
        'WALV_INVALID_ENTRY',
        `${JSON.stringify(entry)} is no entry that can be applied to an index. Nothing was logged.`,
      )
  }
}

function checkedUpdate(entry: UpdateEntry<VectorInput>, rules: ChangeRules): BatchMember {
  checkedIdBytes(entry.id)
  if (entry.vector === undefined && entry.metadata === undefined) {
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `The update of ${JSON.stringify(entry.id)} has neither a vector nor metadata. Nothing was logged.`,
      { id: entry.id },
    )
  }
  return {
    type: 'update',
    id: entry.id,
    ...(entry.vector !== undefined && { vector: checkedVector(entry.id, entry.vector, rules.index) }),
    ...(entry.metadata !== undefined && { metadata: ownMetadata(entry.id, entry.metadata, rules) }),
  }
}

function checkedVector(id: string, input: VectorInput, index: VectorIndex): Float32Array {
  const vector = checkedQuery(vectorOf(input, id), index, JSON.stringify(id))
  return vector === input ? vector.slice() : vector
}

/** @throws WALV_INVALID_VECTOR */
export function checkedQuery(
  vector: Float32Array,
  index: VectorIndex,
  what: string,
  finite: boolean = !index.acceptsNonFinite,
): Float32Array {
  if (vector.length !== index.dimensions) throw wrongDimensions(what, vector.length, index)
  if (finite) {
    for (let at = 0; at < vector.length; at++) {
      if (!Number.isFinite(vector[at])) {
        throw new WalError(
          'WALV_INVALID_VECTOR',
          `Element ${at} of the vector of ${what} is ${vector[at]}. Vectors must be finite. Nothing was logged.`,
        )
      }
    }
  }
  return vector
}

function ownMetadata(id: string, given: JsonValue, { metadataSchema }: ChangeRules): JsonValue {
  const metadata = metadataSchema ? metadataBySchema(metadataSchema, id, given) : given
  return metadata === null ? null : JSON.parse(encodeMetadata(metadata, id).toString('utf8'))
}
