const PARTS = 1024
/** Ids often begin alike; where they end alike too, as `#chunk-0` does, they differ before that. */
const HASHED_CHARACTERS = 16

/**
 * A map of texts in many small ones, each of which doubles on its own, so that no `set` takes long.
 * V8's `Map` doubles at once: see `LabelMap`. Texts whose last 16 characters are the same share one
 * part, which then is no better than that.
 */
export class TextMap<T> {
  readonly #parts: (Map<string, T> | undefined)[] = new Array(PARTS).fill(undefined)

  get(key: string): T | undefined {
    return this.#parts[partOf(key)]?.get(key)
  }

  set(key: string, value: T): void {
    const part = partOf(key)
    this.#parts[part] ??= new Map()
    this.#parts[part].set(key, value)
  }

  delete(key: string): void {
    this.#parts[partOf(key)]?.delete(key)
  }
}

/** Which part a text is in. */
export function partOf(key: string): number {
  let hash = key.length
  for (let at = Math.max(0, key.length - HASHED_CHARACTERS); at < key.length; at++)
    hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (PARTS - 1)
}
