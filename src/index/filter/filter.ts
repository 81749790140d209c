/** What a filter may be. `docs/filters.md` says what each of it means. */
import type { JsonValue } from '../../entry.ts'

/**
 * What metadata must be like: every condition must hold. A key is the name of a member, or a path
 * of names with dots (`'author.name'`). It is plain JSON, so it can be sent, stored and given to
 * the command line.
 */
export type Filter<Metadata = JsonValue> = Fields<Metadata> & {
  /** All of them hold. */
  readonly $and?: readonly Filter<Metadata>[]
  /** One of them holds, or more. */
  readonly $or?: readonly Filter<Metadata>[]
  /** It does not hold. */
  readonly $not?: Filter<Metadata>
}

/** Answers at once, not with a promise; what it answers counts by its truth. */
export type FilterFunction<Metadata = JsonValue> = (metadata: Metadata, id: string) => boolean

/**
 * A value that is equal to the member's, or one of its elements; or operators, all of which must
 * hold.
 */
export type FilterCondition<Value = JsonValue> = Value | FilterOperators<Value>

export type FilterOperators<Value = JsonValue> = {
  readonly $eq?: Value
  readonly $ne?: Value
  readonly $in?: readonly Value[]
  readonly $nin?: readonly Value[]
  readonly $gt?: Ordered<Value>
  readonly $gte?: Ordered<Value>
  readonly $lt?: Ordered<Value>
  readonly $lte?: Ordered<Value>
  /** Whether there is such a member; one that is null is there. */
  readonly $exists?: boolean
  readonly $not?: FilterCondition<Value>
}

/** Numbers are compared with numbers, texts with texts. */
type Ordered<Value> = (Value extends number ? number : never) | (Value extends string ? string : never)

type Fields<Metadata> = JsonValue extends Metadata
  ? AnyFields
  : [Extract<Metadata, object>] extends [never]
    ? AnyFields
    : FieldsOf<Extract<Metadata, object>>

type AnyFields = { readonly [path: string]: FilterCondition }

type FieldsOf<Metadata extends object> = Metadata extends readonly unknown[]
  ? AnyFields
  : { readonly [Name in keyof Metadata & string]?: FilterCondition<Comparable<Metadata[Name]>> } & {
      readonly [path: `${string}.${string}`]: FilterCondition
    }

/** A member, or an element of it; a member that may be missing is like one that is null. */
type Comparable<Value> = OrElement<Exclude<Value, undefined>> | (undefined extends Value ? null : never)
type OrElement<Value> = Value extends readonly (infer Element)[] ? Value | Element : Value
