import type { EntryInput, JsonValue, VectorInput } from '../../entry.ts'

/** The calls of a transaction that each append one entry. */
export abstract class EntryCalls {
  abstract append(entry: EntryInput): void

  insert(id: string, vector: VectorInput, metadata: JsonValue = null): void {
    this.append({ type: 'insert', id, vector, metadata })
  }

  upsert(id: string, vector: VectorInput, metadata: JsonValue = null): void {
    this.append({ type: 'insert', id, vector, metadata, replace: true })
  }

  update(id: string, change: { readonly vector?: VectorInput; readonly metadata?: JsonValue }): void {
    this.append({ type: 'update', id, ...change })
  }

  delete(id: string): void {
    this.append({ type: 'delete', id })
  }
}
