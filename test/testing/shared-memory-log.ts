/**
 * A log that several write to, in memory: the smallest that keeps the contracts `Log` and
 * `SharedLog`. What is handed over gets its place in the order in a later turn of the event loop;
 * whose turn it is, a seed decides.
 */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import {
  type BatchMember,
  type CheckpointEntry,
  type CheckpointRequest,
  type CommittedUnit,
  type EntryInput,
  type Health,
  indexIdentity,
  type LogStats,
  type ReadOptions,
  type RecoveryReport,
  type ReplayOptions,
  type SharedLog,
  type SharedUnit,
  type Snapshot,
  type SnapshotReference,
  type Transaction,
  WalError,
  type WalErrorCode,
  type WalRecord,
} from '../../src/mod.ts'
import { Random } from '../../src/testing/random.ts'
import { MemoryTransaction } from './shared-memory-transaction.ts'
import { stored } from './stored-entry.ts'

const refused = (code: WalErrorCode, message: string): WalError =>
  new WalError(code, message, { fate: 'not-logged' })

interface Stored {
  readonly entry: CheckpointEntry
  readonly snapshot: Snapshot
}

/** A log that is told of everything, others' units some time after they have got their place. */
interface Follower {
  readonly apply: (unit: SharedUnit) => void
  readonly behind: SharedUnit[]
}

/** What all the logs of one place share. */
export class SharedMemory {
  readonly records: WalRecord[] = []
  readonly units: CommittedUnit[] = []
  checkpoint: Stored | undefined
  transactions = 0
  readonly #random: Random
  readonly #waiting = new Map<MemoryLog, (() => void)[]>()
  readonly #followers = new Map<MemoryLog, Follower>()

  constructor(seed = 1) {
    this.#random = new Random(seed)
  }

  open(): MemoryLog {
    return new MemoryLog(this)
  }

  follow(log: MemoryLog, apply: (unit: SharedUnit) => void): void {
    this.#followers.set(log, { apply, behind: [] })
  }

  leave(log: MemoryLog): void {
    this.#followers.delete(log)
  }

  /** Resolves when every follower was told of everything. */
  async caughtUp(): Promise<void> {
    const isBehind = ({ behind }: Follower): boolean => behind.length > 0
    while (this.#waiting.size > 0 || [...this.#followers.values()].some(isBehind)) await setImmediate()
  }

  /** Resolves when `entry` has its place, to its number; its writer was told of it by then. */
  order(
    log: MemoryLog,
    entry: WalRecord['entry'],
    transaction?: number,
    members?: BatchMember[],
  ): Promise<number> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(log) ?? []
      if (this.#waiting.size === 0) void setImmediate().then(() => this.#turn())
      this.#waiting.set(log, queue)
      queue.push(() => resolve(this.#place(log, entry, transaction, members)))
    })
  }

  /** Some of those who wait get their place; each of them in its own order. */
  #turn(): void {
    for (let count = this.#random.below(8); count >= 0 && this.#waiting.size > 0; count--) {
      const log = this.#random.pick([...this.#waiting.keys()])
      const queue = this.#waiting.get(log)!
      queue.shift()!()
      if (queue.length === 0) this.#waiting.delete(log)
    }
    if (this.#waiting.size > 0) void setImmediate().then(() => this.#turn())
  }

  #place(
    writer: MemoryLog,
    entry: WalRecord['entry'],
    transactionId?: number,
    members?: BatchMember[],
  ): number {
    const seq = this.records.length
    const timestamp = 1 + seq
    const named = transactionId === undefined ? {} : { transactionId }
    this.records.push({ seq, timestamp, entry, ...named })
    if (entry.type === 'checkpoint') return seq
    const unit = { seq, timestamp, entries: members ?? [entry as BatchMember], ...named }
    this.units.push(unit)
    for (const [log, follower] of this.#followers) {
      follower.behind.push({ ...unit, own: log === writer })
      if (log === writer) this.#catchUp(follower)
      else void this.#catchUpLater(follower)
    }
    return seq
  }

  async #catchUpLater(follower: Follower): Promise<void> {
    for (let turns = this.#random.below(20); turns > 0; turns--) await setImmediate()
    this.#catchUp(follower)
  }

  #catchUp({ apply, behind }: Follower): void {
    for (let unit = behind.shift(); unit !== undefined; unit = behind.shift()) apply(unit)
  }
}

export class MemoryLog implements SharedLog {
  readonly shared = true
  readonly readOnly = false
  readonly directory = 'memory'
  readonly recovery: RecoveryReport
  readonly #memory: SharedMemory
  readonly #underWay = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(memory: SharedMemory) {
    this.#memory = memory
    this.recovery = reportOf(memory)
  }

  get lastSeq(): number {
    return this.#memory.records.length - 1
  }

  get snapshot(): Snapshot | undefined {
    return this.#memory.checkpoint?.snapshot
  }

  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#memory.checkpoint?.entry
  }

  async append(entry: EntryInput): Promise<number> {
    return this.submit(entry)
  }

  submit(entry: EntryInput): Promise<number> {
    this.#needOpen()
    return this.#watched(this.#memory.order(this, stored(entry)))
  }

  async appendBatch(entries: readonly EntryInput[]): Promise<number> {
    return this.submit({ type: 'batch', entries })
  }

  begin(): Transaction {
    this.#needOpen()
    return new MemoryTransaction(++this.#memory.transactions, {
      needOpen: () => this.#needOpen(),
      commit: (id, members) =>
        this.#watched(this.#memory.order(this, { type: 'batch', entries: members }, id, members)),
    })
  }

  async drained(): Promise<void> {
    this.#needOpen()
  }

  async flush(): Promise<void> {
    this.#needOpen()
    await Promise.allSettled(this.#underWay)
  }

  async *read({ from = 0, signal }: ReadOptions = {}): AsyncGenerator<WalRecord, void, void> {
    yield* this.#yielded(this.#memory.records, from, signal)
  }

  async *replay({
    after = -1,
    from = 0,
    signal,
  }: ReplayOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    for await (const unit of this.#yielded(this.#memory.units, from, signal)) if (unit.seq > after) yield unit
  }

  async *#yielded<T extends { readonly seq: number }>(
    source: readonly T[],
    from: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T, void, void> {
    this.#needOpen()
    if (!Number.isSafeInteger(from) || from < 0) throw refused('WALV_INVALID_OPTION', 'from is no number')
    for (const item of source.slice()) {
      if (signal?.aborted) throw refused('WALV_ABORTED', 'reading was aborted')
      if (item.seq >= from) yield item
    }
  }

  async follow(after: number, apply: (unit: SharedUnit) => void): Promise<void> {
    this.#needOpen()
    for (const unit of this.#memory.units) if (unit.seq > after) apply({ ...unit, own: false })
    this.#memory.follow(this, apply)
  }

  async checkpoint({ seq, snapshot }: CheckpointRequest): Promise<CheckpointEntry> {
    this.#needOpen()
    const least = this.lastCheckpoint?.sequenceNumber ?? -1
    if (!Number.isSafeInteger(seq) || seq <= least || seq > this.lastSeq)
      throw refused('WALV_CHECKPOINT', `there is nothing to take a checkpoint of at ${seq}`)
    return this.#watched(this.#take(seq, snapshot))
  }

  async #take(seq: number, write: CheckpointRequest['snapshot']): Promise<CheckpointEntry> {
    const files = new Map<string, Buffer>()
    const info = await write({
      async write(name, pieces) {
        const found: Buffer[] = []
        for await (const piece of pieces) found.push(Buffer.from(piece))
        files.set(name, Buffer.concat(found))
      },
      path: noPath,
    })
    const reference: SnapshotReference = {
      name: `snapshot-${String(seq).padStart(16, '0')}`,
      files: [...files].map(([name, bytes]) => ({
        name,
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      })),
      info,
    }
    const entry = {
      type: 'checkpoint',
      sequenceNumber: seq,
      replayFrom: seq + 1,
      snapshot: reference,
    } as const
    await this.#memory.order(this, entry)
    this.#memory.checkpoint = {
      entry,
      snapshot: { reference, path: noPath, read: (name) => once(files.get(name)!) },
    }
    return entry
  }

  stats(): LogStats {
    const { lastSeq } = this
    return {
      firstSeq: 0,
      lastSeq,
      durableSeq: lastSeq,
      segments: 0,
      bytes: 0,
      pendingBytes: 0,
      groups: 0,
      syncs: 0,
      bytesWritten: 0,
      rotations: 0,
      lastSyncMs: 0,
      medianSyncMs: undefined,
      openTransactions: 0,
      checkpoints: this.#memory.checkpoint ? 1 : 0,
      lastCheckpointAt: undefined,
      checkpointAgeMs: undefined,
      poisoned: false,
      upkeepFailures: 0,
      lastUpkeepError: undefined,
    }
  }

  async health(): Promise<Health> {
    this.#needOpen()
    return { level: 'ok', checks: [] }
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => this.#memory.leave(this))
    return this.#closing
  }

  async #watched<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  #needOpen(): void {
    if (this.#closing) throw refused('WALV_CLOSED', 'The log is closed. Nothing was logged.')
  }
}

function noPath(): never {
  throw new Error('a log in memory has no paths')
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield bytes
}

function reportOf({ records, checkpoint }: SharedMemory): RecoveryReport {
  const index = records
    .map(({ entry }) => (entry.type === 'custom' ? indexIdentity(entry) : undefined))
    .findLast((found) => found !== undefined)
  return {
    entries: records.length,
    bytes: 0,
    segments: 0,
    lastSeq: records.length - 1,
    transactions: { committed: 0, aborted: 0, inDoubt: [] },
    incompleteTransactions: [],
    checkpoints: checkpoint ? 1 : 0,
    snapshotSeq: checkpoint?.entry.sequenceNumber,
    damage: [],
    gaps: [],
    closedInOrder: true,
    reproved: 0,
    quarantined: [],
    ...(index && { index }),
    durationMs: 0,
  }
}
