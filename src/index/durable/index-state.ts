import { monotonicMs } from '../../clock.ts'
import { cut, echo } from '../../echo.ts'
import type { DataEntry, IndexIdentity, InsertEntry, JsonValue, SnapshotFile } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { identityOf } from '../../format/index-record.ts'
import type { SnapshotWriter } from '../../log/log.ts'
import { decodeSnapshot, SNAPSHOT_FILE } from '../flat/flat-snapshot.ts'
import { type LongWork, partOf } from '../opening-work.ts'
import type { SnapshotReader, VectorIndex } from '../vector-index.ts'
import { Catalog, type CatalogEntry } from './catalog.ts'
import { CATALOG_FILE, catalogAmong } from './catalog-file.ts'
import { CoalescingVectors, type Vectors } from './coalescing-vectors.ts'
import { idAt, jsonAt, labelAt, textsAt } from './entry-record.ts'
import {
  FINGERPRINT_VERSION,
  type FingerprintItem,
  type FingerprintVersion,
  SetFingerprint,
} from './fingerprint.ts'
import { hasKeys, IdempotencyKeys, KEYS_FILE } from './idempotency-keys.ts'
import { LoggedAmount } from './logged-amount.ts'
import { fingerprintVersionOf, type SavedIndex, savedIndex } from './snapshot-proof.ts'
import {
  hasMetadata,
  type Impossible,
  impossibleAs,
  impossibleIn,
  isData,
  jsonOf,
  type Known,
  noteKeys,
  partsOf,
  type Unit,
  type UnitParts,
} from './unit.ts'
import { VOIDS_FILE, Voids } from './voids.ts'

/** To look at the clock takes a good part of what an entry takes. */
const ENTRIES_PER_STEP = 16

/** Catalog, vectors, fingerprint and idempotency keys, which always agree. */
export class IndexState implements Known {
  readonly index: VectorIndex
  /** What vectors it holds. */
  readonly identity: IndexIdentity
  readonly catalog: Catalog = new Catalog()
  readonly fingerprint: SetFingerprint = new SetFingerprint()
  readonly keys: IdempotencyKeys = new IdempotencyKeys()
  /** What was applied since the snapshot that it was loaded from, if from one, or had no effect. */
  readonly logged: LoggedAmount = new LoggedAmount()
  readonly voids: Voids = new Voids()
  /** When what was applied last was logged, as far as that was told. */
  lastTimestamp = 0
  /** Told of each change of an id before it takes effect, with what the id has then. */
  readonly watchers: Set<(id: string, before: CatalogEntry | undefined) => void> = new Set()
  #vectors: Vectors

  constructor(index: VectorIndex, model?: string) {
    const { dimensions, metric } = index
    this.index = index
    this.identity = identityOf({
      dimensions,
      metric,
      elementType: 'f32',
      ...(model !== undefined && { model }),
    })
    this.#vectors = index
  }

  /**
   * Gives `work` what applies as `apply` does, for a log that is replayed: it reaches the index
   * late, without what was overwritten, and `turn` is awaited in between, where it answers with a
   * promise. It is told how many vectors the index is yet to be given. Afterwards index and catalog
   * agree.
   */
  async coalesce<T>(
    turn: (held: number) => Promise<void> | undefined,
    work: (apply: (unit: Unit) => Promise<Impossible | undefined>) => Promise<T>,
  ): Promise<T> {
    const held = new CoalescingVectors(this.index, this.catalog.nextLabel)
    const flush = (): Promise<void> => held.flush(() => turn(held.count))
    this.#vectors = held
    try {
      const result = await work((unit) => this.#applyInTurns(unit, held, flush, turn))
      await flush()
      return result
    } finally {
      this.#vectors = this.index
      this.logged.applyMs += held.spentMs
    }
  }

  async #applyInTurns(
    unit: Unit,
    held: CoalescingVectors,
    flush: () => Promise<void>,
    turn: (held: number) => Promise<void> | undefined,
  ): Promise<Impossible | undefined> {
    const { entries, seq } = unit
    const [only] = entries
    if (entries.length === 1 && isData(only!)) {
      const impossible = this.#applyTimed(() => this.applyOne(only, seq))
      if (held.isFull) await flush()
      const waiting = turn(held.count)
      if (waiting) await waiting
      return impossible
    }
    const parts = partsOf(entries)
    const impossible = this.#enter(unit, parts)
    if (impossible) return impossible
    for (const change of parts.changes) {
      this.#applyTimed(() => this.#takeEffect(change, seq, this.catalog.get(change.id)))
      if (held.isFull) await flush()
      const waiting = turn(held.count)
      if (waiting) await waiting
    }
    return undefined
  }

  /**
   * Applies entries that take effect together: all of them, or, where one cannot be (an id that is
   * to be inserted exists, one that is to be updated does not) or a condition does not hold, none.
   * A function of the state and the unit alone, so that every reader of a log comes to the same
   * state. Returns why they were not applied, if they were not. Who calls it notes how long it
   * took, in `logged`.
   */
  apply(unit: Unit): Impossible | undefined {
    const { entries, seq, timestamp } = unit
    if (timestamp !== undefined) this.lastTimestamp = timestamp
    const [only] = entries
    if (entries.length === 1 && isData(only!)) return this.applyOne(only, seq)
    const parts = partsOf(entries)
    const impossible = this.#enter(unit, parts)
    if (impossible === undefined)
      for (const change of parts.changes) this.#takeEffect(change, seq, this.catalog.get(change.id))
    return impossible
  }

  /** The same of one change that stands alone. */
  applyOne(change: DataEntry, seq: number): Impossible | undefined {
    this.logged.addOne(change)
    if (change.type === 'insert' && this.#insertNew(change, seq)) return undefined
    const before = this.catalog.get(change.id)
    const impossible = impossibleAs(change, before !== undefined)
    if (impossible === undefined) this.#takeEffect(change, seq, before)
    return impossible
  }

  /** What most changes are, with one look for the id. Else false, and nothing has happened. */
  #insertNew(change: InsertEntry, seq: number): boolean {
    const { id, vector } = change
    // Those who watch are told before anything happens.
    if (vector.length !== this.index.dimensions || this.watchers.size > 0) return false
    const metadata = jsonOf(change)
    const label = this.catalog.add(id, metadata, seq)
    if (label === undefined) return false
    this.#vectors.set(label, vector)
    this.fingerprint.add({ id, vector, metadata })
    return true
  }

  seqOf(id: string): number | undefined {
    return this.catalog.seqOf(id)
  }

  /** Notes the keys of a unit, unless it has no effect: then it returns why. */
  #enter(unit: Unit, parts: UnitParts): Impossible | undefined {
    this.logged.add(unit.entries)
    const impossible = impossibleIn(parts, unit.timestamp, this)
    if (impossible === undefined) noteKeys(parts, unit, this)
    return impossible
  }

  #applyTimed<T>(apply: () => T): T {
    const began = monotonicMs()
    const result = apply()
    this.logged.applyMs += monotonicMs() - began
    return result
  }

  #takeEffect(change: DataEntry, seq: number, before: CatalogEntry | undefined): void {
    if (this.watchers.size > 0) for (const tell of this.watchers) tell(change.id, before)
    if (change.type === 'delete') {
      if (before) this.#remove(before)
      return
    }
    const json = hasMetadata(change) ? jsonOf(change) : (before?.json ?? null)
    this.#set(before, change.id, change.vector, json, seq)
  }

  /** Makes it what a newer snapshot holds, in one step: by what is different from that. */
  takeOver({ changes, numbers, keys, voids }: SnapshotDifference): void {
    this.logged.add(changes)
    for (const change of changes)
      this.#takeEffect(change, numbers.get(change.id) ?? 0, this.catalog.get(change.id))
    for (const [id, seq] of numbers) this.catalog.renumber(id, seq)
    this.keys.replace(keys)
    this.voids.replace(voids)
  }

  #remove(entry: CatalogEntry): void {
    this.fingerprint.remove(this.#item(entry))
    this.#vectors.remove(entry.label)
    this.catalog.delete(entry)
  }

  #set(
    before: CatalogEntry | undefined,
    id: string,
    vector: Float32Array | undefined,
    json: string | null,
    seq: number,
  ): void {
    if (vector && vector.length !== this.index.dimensions)
      throw wrongDimensions(echo(id), vector.length, this.index)
    if (before) this.fingerprint.remove(this.#item(before))
    const label = this.catalog.set(id, json, seq, before)
    if (vector) this.#vectors.set(label, vector)
    this.fingerprint.add({ id, vector: vector ?? this.#vectors.get(label), metadata: json })
  }

  #item({ id, label, json }: CatalogEntry): FingerprintItem {
    return { id, vector: this.#vectors.get(label), metadata: json }
  }

  /** Takes everything out of the index again; false if it cannot be told what is left in it. */
  empty(): boolean {
    if (this.index.size === 0) return true
    if (this.index.clear) this.index.clear()
    else if (this.index.size === this.catalog.size)
      for (const { label } of this.catalog.entries()) this.index.remove(label)
    return this.index.size === 0
  }

  /** Returns the fingerprint by the definition that a snapshot has. */
  async #sumUp(version: FingerprintVersion, work: LongWork): Promise<SetFingerprint> {
    const proving = version === FINGERPRINT_VERSION ? this.fingerprint : new SetFingerprint(version)
    const { index } = this
    let done = 0
    for (const record of this.catalog.records()) {
      const label = labelAt(record)
      const vector = index.peek ? index.peek(label) : index.get(label)
      const texts = proving === this.fingerprint ? textsAt(record) : undefined
      if (!texts || !this.fingerprint.addStored(vector, texts)) {
        const item = { id: idAt(record), vector, metadata: jsonAt(record) }
        this.fingerprint.add(item)
        if (proving !== this.fingerprint) proving.add(item)
      }
      if (++done % ENTRIES_PER_STEP !== 0) continue
      const waiting = work.step(done, this.catalog.size)
      if (waiting) await waiting
    }
    return proving
  }

  /**
   * What an engine wrote for itself it may fail to load. It is not needed where the vectors are
   * there.
   */
  async #loadOwn(files: SnapshotReader, work: LongWork): Promise<void> {
    try {
      await this.index.load(files, work)
    } catch (error) {
      const isOfDisk = error instanceof WalError && error.code !== 'WALV_INDEX_MISMATCH'
      if (isOfDisk || this.index.size > 0) throw error
      await this.#fill(files, work).catch(() => {
        throw error
      })
    }
  }

  /** Sets the vectors that an index of another kind saved, in the file that needs no engine. */
  async #fill(files: SnapshotReader, work: LongWork): Promise<void> {
    await decodeSnapshot(files.read(SNAPSHOT_FILE), this.index, work, (label, vector) => {
      if (this.catalog.byLabel(label) === undefined) throw new Error(`label ${label} belongs to no id`)
      const before = this.index.size
      this.index.set(label, vector)
      return this.index.size > before
    })
  }

  /** The state at this moment: what `save` writes, and the description that goes with it. */
  freeze(): FrozenState {
    const catalog = this.catalog.freeze()
    const keys = this.keys.freeze()
    const voids = this.voids.freeze()
    const index = this.index.freeze()
    const { kind } = this.index
    const info = {
      kind,
      ...this.identity,
      size: this.catalog.size,
      fingerprint: this.fingerprint.value,
      fingerprintVersion: FINGERPRINT_VERSION,
    }
    return {
      info,
      release: () => index.release(),
      async save(files) {
        await files.write(CATALOG_FILE, catalog())
        if (keys) await files.write(KEYS_FILE, [keys])
        if (voids) await files.write(VOIDS_FILE, [voids])
        await index.save(files)
      },
    }
  }

  /**
   * Fills an empty state from a verified snapshot, and proves by the fingerprint that it is the
   * state that was frozen.
   * @throws WALV_INDEX_MISMATCH, WALV_DAMAGED
   */
  async load(
    files: SnapshotReader,
    { info, files: names, seq }: SavedState,
    work: LongWork = AT_ONCE,
  ): Promise<void> {
    const saved = savedIndex(info)
    if (saved === undefined) {
      throw new WalError(
        'WALV_INDEX_MISMATCH',
        'The snapshot in this directory was not written by a DurableIndex. Open it with what wrote it.',
      )
    }
    const version = fingerprintVersionOf(saved)
    const own = this.identity
    const differing = (['dimensions', 'metric'] as const).find((name) => saved[name] !== own[name])
    if (differing) {
      throw new WalError(
        'WALV_INDEX_MISMATCH',
        `The snapshot was written by an index with ${differing} ${cut(String(saved[differing]))}, this one has ${own[differing]}. Open it with the same index options.`,
      )
    }
    let proved: SetFingerprint
    try {
      await this.catalog.load(files.read(catalogAmong(names) ?? CATALOG_FILE), seq, partOf(work, 0, 0.1))
      if (hasKeys(names)) await this.keys.load(files.read(KEYS_FILE), seq)
      await this.voids.load(names, (name) => files.read(name), seq)
      const filling = partOf(work, 0.1, 0.6)
      if (saved.kind === this.index.kind) await this.#loadOwn(files, filling)
      else await this.#fill(files, filling)
      proved = await this.#sumUp(version, partOf(work, 0.6, 1))
    } catch (cause) {
      if (cause instanceof WalError) throw cause
      const message = `The snapshot verifies, but cannot be loaded: ${(cause as Error).message}. Please report this.`
      throw new WalError('WALV_DAMAGED', message, { cause })
    }
    if (this.index.size !== this.catalog.size || proved.value !== saved.fingerprint) {
      throw new WalError(
        'WALV_DAMAGED',
        'The snapshot verifies, but what the index loaded from it is not what was saved: the fingerprints differ. Please report this.',
      )
    }
  }
}

/** What a checkpoint says of a snapshot. */
export interface SavedState {
  readonly info: JsonValue
  readonly files: readonly Pick<SnapshotFile, 'name'>[]
  /** Through which record it reaches. */
  readonly seq: number
}

/** What has to be done for a state to be that of a newer snapshot. */
export interface SnapshotDifference {
  readonly changes: readonly DataEntry[]
  /** The numbers of the ids that have another one there. */
  readonly numbers: ReadonlyMap<string, number>
  readonly keys: IdempotencyKeys
  readonly voids: Voids
}

/** For work that nobody watches. */
const AT_ONCE: LongWork = { step: () => undefined }

export interface FrozenState {
  readonly info: SavedIndex & { readonly [member: string]: JsonValue }
  save(files: SnapshotWriter): Promise<void>
  release(): void
}

/** `what` names the vector in the message. */
export const wrongDimensions = (what: string, found: number, { dimensions }: VectorIndex): WalError =>
  new WalError(
    'WALV_INVALID_VECTOR',
    `The vector of ${what} has ${found} dimensions; the index has ${dimensions}.`,
  )
