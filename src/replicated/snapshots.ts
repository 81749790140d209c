import { randomBytes } from 'node:crypto'
import { epochMs } from '../clock.ts'
import type { CheckpointEntry, JsonValue, SnapshotFile, SnapshotReference } from '../entry.ts'
import { WalError } from '../errors.ts'
import { decodeSummed, encodeSummed } from '../format/summed-line.ts'
import type { CheckpointRequest, Snapshot } from '../log/log.ts'
import type { Cache } from './cache.ts'
import type { EngineLink } from './link.ts'
import type { Position } from './order.ts'

const MANIFESTS = 'manifests'
const PIECES = 'pieces'
/** Noted before the first piece is put, so that what was never finished can be found. */
const BEGUN = 'begun'
const MAX_PIECE_BYTES = 1024 * 1024
/** Pieces that are on their way at a time. */
const WINDOW = 4
const KEPT = 2
const ABANDONED_MS = 24 * 60 * 60 * 1000
const SEQ_DIGITS = 16

/** A snapshot as the engine has it: what its checkpoint says, and where to go on behind it. */
export interface Manifest {
  readonly format: 1
  /** Its name in the engine. */
  readonly id: string
  readonly incarnation: string
  readonly position: Position
  readonly takenAt: number
  readonly pieceBytes: number
  readonly checkpoint: CheckpointEntry
}

/** Snapshots of a log: in its engine for all nodes, and in the cache of this one as files. */
export class Snapshots {
  readonly #link: EngineLink
  readonly #cache: Cache

  constructor(link: EngineLink, cache: Cache) {
    this.#link = link
    this.#cache = cache
  }

  /** Those that are whole, the newest first. */
  async manifests(): Promise<Manifest[]> {
    const keys = await this.#insist('which snapshots there are', () => this.#objects.list(MANIFESTS))
    const found: Manifest[] = []
    for (const key of keys.toSorted().reverse()) {
      const content = await this.#insist(`the object ${key}`, () => this.#objects.get(key))
      const manifest = content && (decodeSummed(Buffer.from(content)) as Manifest | undefined)
      if (manifest?.format === 1) found.push(manifest)
    }
    return found
  }

  /**
   * Its files, fetched where they are not here yet, and proved by their hashes.
   * @throws WALV_DAMAGED where a piece is missing, or has other bytes
   */
  async fetch({ id, pieceBytes, checkpoint }: Manifest): Promise<Snapshot> {
    const reference = checkpoint.snapshot!
    const { snapshots } = this.#cache
    if ((await snapshots.problem(reference)) === undefined) return snapshots.open(reference)
    await this.#cache.removeSnapshot(reference.name)
    const found = await snapshots.publish(checkpoint.sequenceNumber, async (target) => {
      for (const [at, file] of reference.files.entries())
        await target.write(file.name, this.#pieces(`${PIECES}/${id}/${at}`, file, pieceBytes))
      return reference.info
    })
    if (isSame(found.files, reference.files)) return snapshots.open(reference)
    await this.#cache.removeSnapshot(reference.name)
    throw new WalError(
      'WALV_DAMAGED',
      `The snapshot ${id} in the engine (${this.#link.name}) does not match its hashes.`,
    )
  }

  async *#pieces(
    prefix: string,
    { bytes }: SnapshotFile,
    pieceBytes: number,
  ): AsyncGenerator<Uint8Array, void, void> {
    const count = Math.ceil(bytes / pieceBytes)
    const ahead: Promise<Uint8Array>[] = []
    for (let next = 0; next < count || ahead.length > 0; ) {
      while (next < count && ahead.length < WINDOW) {
        const piece = this.#piece(`${prefix}/${next++}`)
        // Whoever comes to it is told.
        piece.catch(() => {})
        ahead.push(piece)
      }
      yield await ahead.shift()!
    }
  }

  async #piece(key: string): Promise<Uint8Array> {
    const piece = await this.#insist(`the object ${key}`, () => this.#objects.get(key))
    if (piece) return piece
    throw new WalError('WALV_DAMAGED', `The object ${key} is not in the engine (${this.#link.name}).`)
  }

  /**
   * Writes a snapshot as files, and puts them into the engine; it counts when its manifest is
   * there, which comes last.
   */
  async publish(
    position: Position,
    incarnation: string,
    write: CheckpointRequest['snapshot'],
  ): Promise<Manifest> {
    const { seq } = position
    const reference = await this.#cache.snapshots.publish(seq, write)
    const id = `${String(seq).padStart(SEQ_DIGITS, '0')}-${randomBytes(4).toString('hex')}`
    const pieceBytes = Math.min(MAX_PIECE_BYTES, this.#objects.maxBytes)
    await this.#put(`${BEGUN}/${id}`, encodeSummed({ at: epochMs() }))
    await this.#putFiles(id, reference, pieceBytes)
    const checkpoint = {
      type: 'checkpoint',
      sequenceNumber: seq,
      replayFrom: seq + 1,
      snapshot: reference,
    } as const
    const manifest = {
      format: 1,
      id,
      incarnation,
      position,
      takenAt: epochMs(),
      pieceBytes,
      checkpoint,
    } as const
    await this.#put(`${MANIFESTS}/${id}`, encodeSummed(manifest))
    return manifest
  }

  async #putFiles(id: string, reference: SnapshotReference, pieceBytes: number): Promise<void> {
    const snapshot = this.#cache.snapshots.open(reference)
    const underWay = new Set<Promise<void>>()
    for (const [at, { name }] of reference.files.entries()) {
      let number = 0
      for await (const piece of pieced(snapshot.read(name), pieceBytes)) {
        while (underWay.size >= WINDOW) await Promise.race(underWay)
        const put = this.#put(`${PIECES}/${id}/${at}/${number++}`, piece)
        underWay.add(put)
        put.then(
          () => underWay.delete(put),
          () => {},
        )
      }
    }
    await Promise.all(underWay)
  }

  /** Keeps two, and removes the others, and what was begun long ago. Returns those that stay. */
  async keepNewest(): Promise<Manifest[]> {
    const all = await this.manifests()
    const kept = all.slice(0, KEPT)
    for (const { id } of all.slice(KEPT)) await this.#remove(id)
    for (const key of await this.#insist('what was begun', () => this.#objects.list(BEGUN))) {
      const id = key.slice(BEGUN.length + 1)
      if (all.some((manifest) => manifest.id === id)) continue
      const content = await this.#insist(`the object ${key}`, () => this.#objects.get(key))
      const { at = 0 } = ((content && decodeSummed(Buffer.from(content))) ?? {}) as { readonly at?: number }
      if (epochMs() - at > ABANDONED_MS) await this.#remove(id)
    }
    await this.#cache.snapshots.keepOnly(new Set(kept.map(({ checkpoint }) => checkpoint.snapshot!.name)))
    return kept
  }

  /** The manifest first: what is without one does not count. */
  async #remove(id: string): Promise<void> {
    for (const prefix of [MANIFESTS, PIECES, BEGUN])
      await this.#insist(`to remove ${prefix}/${id}`, () => this.#objects.remove(`${prefix}/${id}`))
  }

  #put(key: string, value: Uint8Array): Promise<void> {
    return this.#insist(`to put ${key}`, () => this.#objects.put(key, value))
  }

  get #objects() {
    return this.#link.engine.objects
  }

  #insist<T>(what: string, call: () => Promise<T>): Promise<T> {
    return this.#link.insist(what, call)
  }
}

/** The same bytes in pieces of one length; each is the taker's own. */
async function* pieced(
  source: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void, void> {
  let piece = new Uint8Array(length)
  let filled = 0
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(length - filled, bytes.length - at)
      piece.set(bytes.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled < length) continue
      yield piece
      piece = new Uint8Array(length)
      filled = 0
    }
  }
  if (filled > 0) yield piece.subarray(0, filled)
}

const isSame = (found: readonly SnapshotFile[], expected: readonly SnapshotFile[]): boolean =>
  JSON.stringify(found.map(plain) as JsonValue) === JSON.stringify(expected.map(plain) as JsonValue)

const plain = ({ name, bytes, sha256 }: SnapshotFile): JsonValue => [name, bytes, sha256]
