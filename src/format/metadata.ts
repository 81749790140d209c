import { cut, echo } from '../echo.ts'
import type { JsonValue } from '../entry.ts'
import { WalError } from '../errors.ts'
import { MAX_METADATA_BYTES, MAX_METADATA_NESTING } from '../limits.ts'
import { JsonText } from './json-text.ts'
import { isShortAscii } from './short-text.ts'

/**
 * Metadata as its JSON text in UTF-8, after making sure that JSON can hold it: nothing is silently
 * altered but −0, which becomes 0.
 * @throws WALV_INVALID_METADATA, WALV_LIMIT
 */
export function encodeMetadata(metadata: JsonValue, id: string): Buffer {
  const json = metadataText(metadata, id)
  checkedTextBytes(json, id)
  return Buffer.from(json, 'utf8')
}

/** The same as a text. Of its length nothing is known. @throws WALV_INVALID_METADATA, WALV_LIMIT */
export function metadataText(metadata: JsonValue, id: string): string {
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
  return isObject ? textOfObject(metadata, id) : JSON.stringify(ownMetadata(metadata, id))
}

/** The UTF-8 length of such a text. @throws WALV_LIMIT */
export function checkedTextBytes(json: string, id: string): number {
  if (isShortAscii(json)) return json.length
  const bytes = Buffer.byteLength(json, 'utf8')
  if (bytes > MAX_METADATA_BYTES) {
    throw new WalError(
      'WALV_LIMIT',
      `The metadata of ${describe(id)} has ${bytes} bytes; at most ${MAX_METADATA_BYTES} are allowed. Nothing was logged.`,
      { id },
    )
  }
  return bytes
}

/**
 * A copy of metadata, equal to what its JSON text says. Each member is read once, so that a getter
 * or a proxy cannot answer otherwise once it is checked.
 * @throws WALV_INVALID_METADATA, WALV_LIMIT
 */
export const ownMetadata = (metadata: JsonValue, id: string): JsonValue => copyOf(metadata, 1, [], id)

/**
 * The same of a snapshot's `info`. Refuses what a checkpoint's record cannot hold as `info`: the
 * same as for metadata, nested one level less, for it stands within an object there.
 * @throws WALV_INVALID_METADATA, WALV_LIMIT
 */
export const ownSnapshotInfo = (info: JsonValue): JsonValue => copyOf(info, 2, [], 'info of the snapshot')

/**
 * The value of an encoded metadata, or undefined if the bytes are no JSON of the allowed nesting.
 */
export function decodeMetadata(bytes: Buffer): JsonValue | undefined {
  if (bytes.length > 2 * MAX_METADATA_NESTING && nesting(bytes) > MAX_METADATA_NESTING) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

const describe = (id: string): string => `entry ${echo(id)}`

type Path = (string | number)[]

function copyOf(value: unknown, depth: number, path: Path, id: string): JsonValue {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) refuse('is a string with half a surrogate pair', path, id)
      return value
    case 'boolean':
      return value
    case 'number':
      if (!Number.isFinite(value)) refuse(`is ${value}, which JSON cannot hold`, path, id)
      return value === 0 ? 0 : value
    case 'object':
      return value === null ? null : copyOfMembers(value, depth, path, id)
    default:
      return refuse(`is a ${typeof value}, which JSON cannot hold`, path, id)
  }
}

function copyOfMembers(value: object, depth: number, path: Path, id: string): JsonValue {
  if (depth > MAX_METADATA_NESTING) {
    throw new WalError(
      'WALV_LIMIT',
      `The metadata of ${describe(id)} is nested deeper than ${MAX_METADATA_NESTING} (a cycle?). Nothing was logged.`,
      { id },
    )
  }
  return Array.isArray(value) ? copyOfArray(value, depth, path, id) : copyOfObject(value, depth, path, id)
}

function copyOfArray(value: readonly unknown[], depth: number, path: Path, id: string): JsonValue[] {
  const copy: JsonValue[] = []
  const { length } = value
  for (let index = 0; index < length; index++) copy.push(within(value[index], index, depth, path, id))
  return copy
}

/**
 * What `JSON.stringify` makes of the copy of an object, without making the copy: of what most
 * metadata is, short texts and numbers by name, it takes half the time.
 */
function textOfObject(value: object, id: string): string {
  const path: Path = []
  needPlain(value, path, id)
  const text = new JsonText()
  for (const key of Object.keys(value)) {
    const member: unknown = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    needWellFormedKey(key, path, id)
    if (isPlain(member)) text.addPlain(key, member)
    else text.addJson(key, JSON.stringify(within(member, key, 1, path, id)))
  }
  return text.end()
}

function copyOfObject(value: object, depth: number, path: Path, id: string): JsonValue {
  needPlain(value, path, id)
  const copy: Record<string, JsonValue> = {}
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    needWellFormedKey(key, path, id)
    const own = within(member, key, depth, path, id)
    if (key !== '__proto__') copy[key] = own
    else
      Object.defineProperty(copy, key, { value: own, enumerable: true, writable: true, configurable: true })
  }
  return copy
}

function needWellFormedKey(key: string, path: Path, id: string): void {
  if (!key.isWellFormed()) refuse('has a key with half a surrogate pair', [...path, key], id)
}

function needPlain(value: object, path: Path, id: string): void {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(
      `is a ${cut(String(value.constructor?.name ?? 'class instance'))}, not a plain object; convert it first`,
      path,
      id,
    )
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function')
    refuse('has a toJSON method; convert it first', path, id)
}

function within(member: unknown, key: string | number, depth: number, path: Path, id: string): JsonValue {
  if (isPlain(member)) return member
  path.push(key)
  const copy = copyOf(member, depth + 1, path, id)
  path.pop()
  return copy
}

/** Whether it is a value that can be refused for nothing, and is its own copy: what most are. */
const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string'
    ? value.isWellFormed()
    : typeof value === 'number'
      ? value !== 0 && Number.isFinite(value)
      : typeof value === 'boolean'

function refuse(problem: string, path: readonly (string | number)[], id: string): never {
  const place = cut(['metadata', ...path].join('.'), PATH_CHARACTERS)
  throw new WalError('WALV_INVALID_METADATA', `${place} of ${describe(id)} ${problem}. Nothing was logged.`, {
    id,
  })
}

/** Of the path that a message names. */
const PATH_CHARACTERS = 80

/** Depth of brackets outside strings. */
function nesting(bytes: Buffer): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (inString) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}
