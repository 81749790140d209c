import type { BatchMember, DataEntry, JsonValue } from '../../entry.ts'
import type { StoredVector } from './types.ts'
import { dataEntries, hasMetadata, jsonOf } from './unit.ts'

/** What is stored under an id, as a transaction sees it. */
export interface TransactionVector<Metadata = JsonValue> extends Omit<StoredVector<Metadata>, 'seq'> {
  /** The number of the id's last change; undefined where that is one of the transaction. */
  readonly seq: number | undefined
}

/** What a change leaves of an id; undefined members stay what they are. */
interface Image {
  readonly vector: Float32Array | undefined
  readonly json: string | null | undefined
}

/** What the changes of a transaction leave of their ids. Nothing is kept until it is asked for. */
export class OwnImages {
  #images: Map<string, Image | undefined> | undefined

  note(entry: BatchMember): void {
    if (this.#images) for (const change of dataEntries([entry])) this.#noteOne(this.#images, change)
  }

  /** `entries`: all that were noted. `read` answers what is there without them. */
  imageOf(
    id: string,
    entries: readonly BatchMember[],
    read: () => StoredVector | undefined,
  ): TransactionVector | undefined {
    if (this.#images === undefined) {
      this.#images = new Map()
      for (const change of dataEntries(entries)) this.#noteOne(this.#images, change)
    }
    if (!this.#images.has(id)) return read()
    const image = this.#images.get(id)
    if (image === undefined) return undefined
    const { vector, json } = image
    const base = vector === undefined || json === undefined ? read() : undefined
    const metadata = json === undefined ? base?.metadata : json === null ? null : JSON.parse(json)
    return { vector: vector?.slice() ?? base!.vector, metadata: metadata ?? null, seq: undefined }
  }

  #noteOne(images: Map<string, Image | undefined>, change: DataEntry): void {
    const { id } = change
    if (change.type === 'delete') {
      images.set(id, undefined)
      return
    }
    const before = change.type === 'update' ? images.get(id) : { vector: undefined, json: null }
    const json = hasMetadata(change) ? jsonOf(change) : before?.json
    images.set(id, { vector: change.vector ?? before?.vector, json })
  }
}
