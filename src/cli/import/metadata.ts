import { type JsonValue, MAX_METADATA_BYTES, MAX_METADATA_NESTING } from '../../mod.ts'

/** Why a parsed JSON value cannot be metadata, as the end of a sentence; undefined if it can. */
export function metadataProblem(metadata: JsonValue): string | undefined {
  // Level by level, so that no depth is too much.
  let level = [metadata]
  for (let nesting = 0; level.length > 0; nesting++) {
    if (nesting > MAX_METADATA_NESTING) return `nested deeper than ${MAX_METADATA_NESTING}`
    if (level.some((value) => typeof value === 'number' && !Number.isFinite(value)))
      return 'with a number that is too large'
    if (level.some((value) => typeof value === 'string' && !value.isWellFormed())) return HALF_A_PAIR
    const containers = level.filter((value) => typeof value === 'object' && value !== null)
    if (containers.some((value) => !Object.keys(value).every((key) => key.isWellFormed()))) return HALF_A_PAIR
    level = containers.flatMap((value) => Object.values(value as { readonly [key: string]: JsonValue }))
  }
  const bytes = Buffer.byteLength(JSON.stringify(metadata))
  return bytes > MAX_METADATA_BYTES ? `of ${bytes} bytes, more than ${MAX_METADATA_BYTES}` : undefined
}

const HALF_A_PAIR = 'with half a surrogate pair'
