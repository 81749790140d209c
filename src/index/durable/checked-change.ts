import { types } from 'node:util'
import { echo } from '../../echo.ts'
import type {
  BatchMember,
  CustomEntry,
  DeleteEntry,
  InsertEntry,
  JsonValue,
  UpdateEntry,
  VectorInput,
} from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { CheckedInsert, CheckedUpdate } from '../../format/checked-insert.ts'
import { checkedIdBytes, membersOf, vectorOf } from '../../format/encode.ts'
import { metadataText, ownMetadata } from '../../format/metadata.ts'
import { OWN_KINDS } from '../../format/own-kinds.ts'
import { MAX_BATCH_NESTING } from '../../limits.ts'
import type { OptionNames } from '../../option-names.ts'
import type { VectorIndex } from '../vector-index.ts'
import { wrongDimensions } from './index-state.ts'
import type { InsertManyItem } from './insert-many.ts'
import { type MetadataSchema, metadataBySchema } from './metadata-schema.ts'
import type { IfSeq, UpsertEntry } from './types.ts'
import type { VectorPool } from './vector-pool.ts'

/** A change as it may be given to an index: an upsert is logged as an insert that replaces. */
export type ChangeInput =
  | InsertEntry<VectorInput>
  | UpsertEntry<VectorInput>
  | (UpdateEntry<VectorInput> & IfSeq)
  | (DeleteEntry & IfSeq)
  | CustomEntry
  | { readonly type: 'batch'; readonly entries: readonly ChangeInput[] }
type UpdateChange = Partial<Pick<UpdateEntry<VectorInput, unknown>, 'vector' | 'metadata'>>

/** The types of changes, and what each has. */
const MEMBERS: { readonly [Type in ChangeInput['type']]: OptionNames<Extract<ChangeInput, { type: Type }>> } =
  {
    insert: { type: true, id: true, vector: true, metadata: true, replace: true },
    upsert: { type: true, id: true, vector: true, metadata: true, ifSeq: true, ifAbsent: true },
    update: { type: true, id: true, vector: true, metadata: true, ifSeq: true },
    delete: { type: true, id: true, ifSeq: true },
    batch: { type: true, entries: true },
    custom: { type: true, kind: true, data: true },
  }

/** What changes of an index have to fit. */
export interface ChangeRules {
  readonly index: VectorIndex
  readonly metadataSchema: MetadataSchema | undefined
  /** Where the vectors of changes that stand alone are copied to. Default: memory of their own. */
  readonly pool?: VectorPool | undefined
  /** The log goes by the text of metadata, so that changes that stand alone need no copy of it. */
  readonly takesText?: boolean
}

/**
 * Validates changes and copies what they hold, so that the caller may go on using it.
 * @throws WALV_INVALID_ENTRY, WALV_INVALID_ID, WALV_INVALID_VECTOR, WALV_INVALID_METADATA,
 * WALV_LIMIT; nothing was logged
 */
export function checkedEntry(entry: ChangeInput, rules: ChangeRules, nesting: number = 0): BatchMember {
  if (nesting > 0) checkMembers(entry)
  switch (entry?.type) {
    case 'insert':
      return checkedInsert(entry, entry.replace, rules)
    case 'upsert':
      return checkedInsert(entry, true, rules)
    case 'update':
      return checkedUpdate(entry, rules)
    case 'delete': {
      const { id } = entry
      checkedIdBytes(id)
      return { type: 'delete', id }
    }
    case 'batch': {
      const members = membersOf(entry.entries)
      if (nesting >= MAX_BATCH_NESTING) {
        throw new WalError(
          'WALV_LIMIT',
          `Batches may be nested at most ${MAX_BATCH_NESTING} deep. Nothing was logged.`,
        )
      }
      const own = { ...rules, pool: undefined, takesText: false }
      return { type: 'batch', entries: members.map((member) => checkedEntry(member, own, nesting + 1)) }
    }
    case 'custom': {
      // An index ignores it; the log checks it.
      const { kind, data } = entry
      if (typeof kind === 'string' && kind.startsWith(OWN_KINDS))
        throw new WalError(
          'WALV_INVALID_ENTRY',
          `Kinds that begin with "${OWN_KINDS}" are walv's own, and ${echo(kind)} is one. Nothing was logged.`,
          { fate: 'not-logged' },
        )
      return { type: 'custom', kind, data: types.isUint8Array(data) ? new Uint8Array(data) : data }
    }
    default:
      throw noSuchType(entry)
  }
}

/** The same for an insert, or an upsert, that stands alone. */
export function checkedInsert(
  { id, vector, metadata = null }: Omit<InsertEntry<VectorInput>, 'type'>,
  replace: boolean | undefined,
  rules: ChangeRules,
): InsertEntry {
  checkedIdBytes(id)
  if (rules.takesText) {
    const value = bySchema(id, metadata, rules)
    const json = value === null ? undefined : metadataText(value, id)
    return new CheckedInsert(id, checkedVector(id, vector, rules), undefined, json, replace === true)
  }
  const own = checkedMetadata(id, metadata, rules)
  const json = own === null ? undefined : JSON.stringify(own)
  return new CheckedInsert(id, checkedVector(id, vector, rules), own, json, replace === true)
}

/** @throws WALV_INVALID_ENTRY for a member that a change of its type does not have */
function checkMembers(entry: ChangeInput): void {
  const type = entry?.type
  const known = typeof type === 'string' && Object.hasOwn(MEMBERS, type) ? MEMBERS[type] : undefined
  if (known === undefined) throw noSuchType(entry)
  needKnown(entry, `An entry of type ${echo(type)}`, known)
}

/**
 * What `update` is given beside the id.
 * @throws WALV_INVALID_ENTRY
 */
export function checkUpdate(change: UpdateChange | undefined): void {
  if (change) needKnown(change, 'An update', { vector: true, metadata: true })
}

/**
 * An item of `insertMany`, as the change that it is.
 * @throws WALV_INVALID_ENTRY, and what `checkedEntry` throws
 */
export function checkedItem(
  item: InsertManyItem<unknown>,
  replace: boolean,
  rules: ChangeRules,
): InsertEntry {
  if (typeof item !== 'object' || item === null)
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `An item is { id, vector, metadata }, not ${echo(item)}. Nothing was logged.`,
    )
  needKnown(item, 'An item', { id: true, vector: true, metadata: true })
  return checkedInsert(item as InsertManyItem, replace, rules)
}

function needKnown(given: object, what: string, known: object): void {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(known, name)) throw unknownMember(name, what, known)
}

function unknownMember(unknown: string, what: string, known: object): WalError {
  const list = Object.keys(known).join(', ')
  return new WalError(
    'WALV_INVALID_ENTRY',
    `${what} has no ${echo(unknown)}, only: ${list}. Nothing was logged.`,
  )
}

function noSuchType(entry: unknown): WalError {
  const given = (entry as { readonly type?: unknown } | null | undefined)?.type
  const what =
    given === undefined ? `${echo(entry)} has no type.` : `There is no change of type ${echo(given)}.`
  const list = Object.keys(MEMBERS).join(', ')
  return new WalError('WALV_INVALID_ENTRY', `${what} The types are: ${list}. Nothing was logged.`)
}

function checkedUpdate({ id, vector, metadata }: UpdateEntry<VectorInput>, rules: ChangeRules): BatchMember {
  checkedIdBytes(id)
  if (vector === undefined && metadata === undefined) {
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `The update of ${echo(id)} has neither a vector nor metadata. Nothing was logged.`,
      { id },
    )
  }
  if (rules.takesText) {
    const own = vector === undefined ? undefined : checkedVector(id, vector, rules)
    const json = metadata === undefined ? undefined : metadataText(bySchema(id, metadata, rules), id)
    return new CheckedUpdate(id, own, json)
  }
  return {
    type: 'update',
    id,
    ...(vector !== undefined && { vector: checkedVector(id, vector, rules) }),
    ...(metadata !== undefined && { metadata: checkedMetadata(id, metadata, rules) }),
  }
}

function checkedVector(id: string, input: VectorInput, { index, pool }: ChangeRules): Float32Array {
  // What does not fit is told of by the way that takes longer.
  if (pool === undefined || input?.length !== index.dimensions)
    return checkedQuery(ownVector(input, id), index, echo(id))
  const given = vectorOf(input, id)
  const own = pool.take()
  own.set(given)
  if (index.acceptsNonFinite || pool.isFinite(own)) return own
  pool.give(own)
  return checkedQuery(own, index, echo(id))
}

/** A copy that is nobody else's. @throws WALV_INVALID_VECTOR, WALV_LIMIT */
export function ownVector(input: VectorInput, what: string): Float32Array {
  const vector = vectorOf(input, what)
  return vector === input ? new Float32Array(vector) : vector
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
          `Element ${at} of the vector of ${what} is ${vector[at]} as float32. Vectors must be finite. Nothing was logged.`,
        )
      }
    }
  }
  return vector
}

const checkedMetadata = (id: string, given: JsonValue, rules: ChangeRules): JsonValue =>
  ownMetadata(bySchema(id, given, rules), id)

const bySchema = (id: string, given: JsonValue, { metadataSchema }: ChangeRules): JsonValue =>
  metadataSchema ? metadataBySchema(metadataSchema, id, given) : given
