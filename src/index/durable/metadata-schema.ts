import { cut, echo } from '../../echo.ts'
import type { JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'

/**
 * A Standard Schema (https://standardschema.dev), as Zod, Valibot, ArkType and others make them.
 * Only what walv needs of one. Metadata is logged as `validate` returns it: with defaults filled
 * in, unknown members gone, whatever the schema does. `validate` must answer at once, not with a
 * promise.
 */
export interface MetadataSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * What is wrong with metadata, at one place of it: the `detail` of a `WALV_INVALID_METADATA` that a
 * schema gave cause for is a list of these.
 */
export interface MetadataIssue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Issues that a message names; all of them are in `detail`. */
const NAMED_ISSUES = 2
/** A schema's own texts may repeat what it was given, in full. */
const ISSUE_CHARACTERS = 70

/** @throws WALV_INVALID_OPTION */
export function checkSchema(schema: MetadataSchema | undefined): void {
  if (schema === undefined || typeof schema?.['~standard']?.validate === 'function') return
  throw new WalError(
    'WALV_INVALID_OPTION',
    'The option metadataSchema must be a Standard Schema, for example one made with zod, valibot or arktype.',
  )
}

/**
 * Metadata as its schema has it.
 * @throws WALV_INVALID_METADATA with the issues as `detail`, WALV_INVALID_OPTION if the schema
 * answers with a promise
 */
export function metadataBySchema(schema: MetadataSchema, id: string, metadata: unknown): JsonValue {
  const result = schema['~standard'].validate(metadata)
  if (isPromise(result)) {
    result.then(undefined, () => {})
    throw new WalError(
      'WALV_INVALID_OPTION',
      'The metadataSchema validates asynchronously. The order of changes is decided at once: do what has to be awaited before the call, and give a schema that answers at once. Nothing was logged.',
      { id, fate: 'not-logged' },
    )
  }
  if (result.issues === undefined) return result.value as JsonValue
  const issues = result.issues.map(
    ({ path = [], message }): MetadataIssue => ({ path: path.map(keyOf), message }),
  )
  const named = issues.slice(0, NAMED_ISSUES).map(issueText).join('; ')
  const more = issues.length > NAMED_ISSUES ? `; and ${issues.length - NAMED_ISSUES} more, see detail` : ''
  throw new WalError(
    'WALV_INVALID_METADATA',
    `The metadata of entry ${echo(id)} does not fit the metadataSchema: ${named}${more}. Nothing was logged.`,
    { id, fate: 'not-logged', detail: issues },
  )
}

/** Of whatever realm or library. */
const isPromise = <T>(result: T | Promise<T>): result is Promise<T> =>
  typeof (result as { readonly then?: unknown } | null | undefined)?.then === 'function'

const keyOf = (segment: PropertyKey | { readonly key: PropertyKey }): PropertyKey =>
  typeof segment === 'object' ? segment.key : segment

const issueText = ({ path, message }: MetadataIssue): string =>
  cut(`${['metadata', ...path.map(String)].join('.')}: ${message.replace(/\.$/, '')}`, ISSUE_CHARACTERS)
