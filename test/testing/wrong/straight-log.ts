/**
 * What logs are made of that break their contract on purpose: a log that keeps it, with something
 * changed.
 */
import type {
  CheckpointEntry,
  CheckpointRequest,
  CommittedUnit,
  EntryInput,
  Health,
  HealthOptions,
  Log,
  LogStats,
  RecoveryReport,
  Snapshot,
  Transaction,
  Wal,
  WalError,
  WalRecord,
} from '../../../src/mod.ts'

export type ReadOptions = { from?: number; signal?: AbortSignal }
export type ReplayOptions = ReadOptions & { after?: number }

/** What a place keeps from one opening to the next. */
export interface Memory {
  opened: number
  firstCheckpoint?: CheckpointEntry | undefined
}

/** A log that does what a `Wal` does. */
export class Straight implements Log {
  protected readonly wal: Wal
  protected readonly memory: Memory

  constructor(wal: Wal, memory: Memory) {
    this.wal = wal
    this.memory = memory
    memory.opened++
  }
  get directory(): string {
    return this.wal.directory
  }
  get readOnly(): boolean {
    return this.wal.readOnly
  }
  get lastSeq(): number {
    return this.wal.lastSeq
  }
  get recovery(): RecoveryReport {
    return this.wal.recovery
  }
  get snapshot(): Snapshot | undefined {
    return this.wal.snapshot
  }
  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.wal.lastCheckpoint
  }
  async append(entry: EntryInput): Promise<number> {
    return this.submit(entry)
  }
  submit(entry: EntryInput): Promise<number> {
    return this.wal.submit(entry)
  }
  async appendBatch(entries: readonly EntryInput[]): Promise<number> {
    return this.submit({ type: 'batch', entries })
  }
  begin(): Transaction {
    return this.wal.begin()
  }
  drained(): Promise<void> {
    return this.wal.drained()
  }
  read(options?: ReadOptions): AsyncIterable<WalRecord> {
    return this.wal.read(options)
  }
  replay(options?: ReplayOptions): AsyncIterable<CommittedUnit> {
    return this.wal.replay(options)
  }
  checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
    return this.wal.checkpoint(request)
  }
  flush(): Promise<void> {
    return this.wal.flush()
  }
  stats(): LogStats {
    return this.wal.stats()
  }
  health(options?: HealthOptions): Promise<Health> {
    return this.wal.health(options)
  }
  close(): Promise<void> {
    return this.wal.close()
  }
}

type Method = 'insert' | 'upsert' | 'update' | 'delete' | 'append' | 'prepare' | 'commit' | 'abort'

/** A transaction some of whose methods do something else. */
export const altered = (transaction: Transaction, changes: Partial<Pick<Transaction, Method>>): Transaction =>
  new Proxy(transaction, {
    get(target, name) {
      if (name in changes) return changes[name as Method]
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

export async function* mapped<T>(
  source: AsyncIterable<T>,
  change: (item: T) => T | undefined,
): AsyncGenerator<T> {
  for await (const item of source) {
    const other = change(item)
    if (other !== undefined) yield other
  }
}

export async function* arranged<T>(
  source: AsyncIterable<T>,
  arrange: (items: T[]) => T[],
): AsyncGenerator<T> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  yield* arrange(items)
}

export const ignore = (code: string) => (error: unknown) => {
  if ((error as WalError).code !== code) throw error
}

/** A log that breaks its contract, and the case that must notice. */
export interface WrongLog {
  readonly type: new (wal: Wal, memory: Memory) => Log
  readonly caughtBy: string
}
