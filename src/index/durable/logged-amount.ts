import type { BatchMember, InsertEntry, JsonValue, UpdateEntry } from '../../entry.ts'
import { CheckedInsert, CheckedUpdate } from '../../format/checked-insert.ts'

/** What a change takes in the log beside what it holds, about. */
const CHANGE_BYTES = 48

export interface Amount {
  /** Each member of a batch and each change of a transaction counts. */
  readonly changes: number
  /** About how many bytes of the log they take. */
  readonly bytes: number
  /** How many milliseconds the index took to apply them. */
  readonly applyMs: number
}

/** An amount, and what the index did in the background until then. */
export interface WorkedAmount extends Amount {
  /** In milliseconds, since the index was made. */
  readonly workMs: number
}

/**
 * How much was logged. It is estimated from the changes, so that those that are replayed count like
 * those that are made.
 */
export class LoggedAmount implements Amount {
  changes = 0
  bytes = 0
  applyMs = 0

  add(entries: readonly BatchMember[]): void {
    for (const entry of entries) {
      if (entry.type === 'batch') this.add(entry.entries)
      else this.addOne(entry)
    }
  }

  addOne(entry: Exclude<BatchMember, { readonly type: 'batch' }>): void {
    this.changes++
    this.bytes += CHANGE_BYTES + bytesOf(entry)
  }

  since({ changes, bytes, applyMs }: Amount): Amount {
    return { changes: this.changes - changes, bytes: this.bytes - bytes, applyMs: this.applyMs - applyMs }
  }
}

function bytesOf(entry: Exclude<BatchMember, { readonly type: 'batch' }>): number {
  if (entry.type === 'custom') return entry.kind.length + entry.data.length
  if (entry.type === 'delete') return entry.id.length
  return entry.id.length + 4 * (entry.vector?.length ?? 0) + metadataBytes(entry)
}

function metadataBytes(entry: InsertEntry | UpdateEntry): number {
  if (CheckedInsert.is(entry)) return CheckedInsert.jsonOf(entry)?.length ?? jsonBytes(null)
  if (CheckedUpdate.is(entry)) return CheckedUpdate.jsonOf(entry)?.length ?? 0
  return jsonBytes(entry.metadata)
}

/** About the length of a JSON text, without making it. */
function jsonBytes(value: JsonValue | undefined): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value !== 'object' || value === null) return value === undefined ? 0 : 8
  let bytes = 2
  if (Array.isArray(value)) for (const member of value) bytes += 1 + jsonBytes(member)
  else
    for (const key of Object.keys(value))
      bytes += key.length + 4 + jsonBytes((value as { readonly [key: string]: JsonValue })[key])
  return bytes
}
