import type { InsertEntry, JsonValue, UpdateEntry } from '../entry.ts'

/**
 * An insert that was checked and copied before it is logged, with the JSON text of its metadata, so
 * that the log need do neither again. To everybody else it is an entry like any other. So is a copy
 * of it to all (`{ ...entry }`): the text does not go along, and cannot be a wrong one.
 */
export class CheckedInsert implements InsertEntry {
  readonly type = 'insert'
  readonly id: string
  readonly vector: Float32Array
  /** Left out where only a log gets it that goes by the text (`Log.hand`). */
  declare readonly metadata?: JsonValue
  readonly replace: boolean
  readonly #json: string | undefined

  /**
   * `vector`: nobody changes it until the entry is logged. `metadata`: what `ownMetadata` gave.
   * `json`: what `JSON.stringify` makes of it; undefined if it is `null`, which is the same as
   * none.
   */
  constructor(
    id: string,
    vector: Float32Array,
    metadata: JsonValue | undefined,
    json: string | undefined,
    replace: boolean,
  ) {
    this.id = id
    this.vector = vector
    if (metadata !== undefined) this.metadata = metadata
    this.replace = replace
    this.#json = json
  }

  static is(entry: object): entry is CheckedInsert {
    return #json in entry
  }

  static jsonOf(entry: CheckedInsert): string | undefined {
    return entry.#json
  }
}

/** An update in the same way, only for a log that goes by the text. */
export class CheckedUpdate implements UpdateEntry {
  readonly type = 'update'
  readonly id: string
  declare readonly vector?: Float32Array
  readonly #json: string | undefined

  /** `json`: the text of the metadata, `'null'` where it is cleared; undefined if it stays. */
  constructor(id: string, vector: Float32Array | undefined, json: string | undefined) {
    this.id = id
    if (vector !== undefined) this.vector = vector
    this.#json = json
  }

  static is(entry: object): entry is CheckedUpdate {
    return #json in entry
  }

  static jsonOf(entry: CheckedUpdate): string | undefined {
    return entry.#json
  }
}
