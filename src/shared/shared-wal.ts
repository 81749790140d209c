import type { BatchMember, CheckpointEntry, EntryInput, WalRecord } from '../entry.ts'
import { encodableInput } from '../format/encode.ts'
import type { CursorLog } from '../log/cursor-log.ts'
import { readingOf } from '../log/follow/cursor-units.ts'
import type { Health, HealthOptions } from '../log/health.ts'
import type {
  CheckpointRequest,
  CommittedUnit,
  LogStats,
  ReadOptions,
  RecoveryReport,
  ReplayOptions,
  SharedLog,
  SharedUnit,
  Snapshot,
  TailOptions,
  Transaction,
} from '../log/log.ts'
import { LogWithCursors } from '../log/log-with-cursors.ts'
import type { ContentRules } from '../log/options.ts'
import type { Wal } from '../log/wal.ts'
import { BufferedTransaction } from '../submission/buffered-transaction.ts'
import type { Placed } from '../submission/own-changes.ts'
import { openWriter, pause, tryToFollow } from './open.ts'
import { type ShareOptions, type ShareSettings, shareSettings } from './share-options.ts'
import { Sharing } from './sharing.ts'

/**
 * A log in a directory that several processes have open, each of them for reading and writing. The
 * one that has the lock leads: it writes the log, as an ordinary `Wal`. The others follow its files
 * and hand their changes to it. When it ends, whatever the reason, the operating system gives its
 * lock up, and one of the others takes the lead over.
 *
 * A change carries who handed it over, so that each process finds in the log what became of its
 * own: it is handed over again to the next leader if and only if it is not there once everything
 * that the last one wrote was read.
 */
export class SharedWal extends LogWithCursors implements SharedLog {
  readonly shared = true
  readonly readOnly = false
  readonly recovery: RecoveryReport
  readonly directory: string
  readonly #sharing: Sharing

  private constructor(settings: ShareSettings, wal: Wal, isWriter: boolean) {
    super()
    this.#sharing = new Sharing(settings, wal, isWriter)
    this.recovery = wal.recovery
    this.directory = wal.directory
  }

  /**
   * Opens a log that is shared: for writing where nobody leads, else following who does.
   * @throws what `Wal.open` throws; WALV_LOCKED where the directory is open in a process that does
   * not share it
   */
  static async openWith(options: ShareOptions, content?: ContentRules): Promise<SharedWal> {
    const settings = shareSettings(options)
    for (;;) {
      const wal = settings.role === 'follow' ? undefined : await openWriter(settings, settings.wal, content)
      if (wal) return new SharedWal(settings, wal, true)
      const followed = await tryToFollow(settings, content)
      if (followed) return new SharedWal(settings, followed, false)
      settings.wal.signal?.throwIfAborted()
      await pause()
    }
  }

  /** Whether this process writes the log. */
  get role(): 'leader' | 'member' {
    return this.#sharing.isWriter ? 'leader' : 'member'
  }

  /** Each directory has one process that takes its checkpoints. */
  get takesCheckpoints(): boolean {
    return this.#sharing.leads
  }

  onCheckpointAsked(take: () => Promise<unknown>): void {
    this.#sharing.takeCheckpoint = take
  }

  /** @internal The log as this process has it open now: another one when its role has changed. */
  get wal(): Wal {
    return this.#sharing.wal
  }

  get lastSeq(): number {
    return this.#sharing.wal.lastSeq
  }

  get snapshot(): Snapshot | undefined {
    return this.#sharing.wal.snapshot
  }

  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#sharing.wal.lastCheckpoint
  }

  async append(entry: EntryInput): Promise<number> {
    return this.submit(entry)
  }

  submit(entry: EntryInput): Promise<number> {
    return this.#sharing.hand([encodableInput(entry)], [entry as BatchMember], false).then(seqOf)
  }

  async appendBatch(entries: readonly EntryInput[]): Promise<number> {
    return this.submit({ type: 'batch', entries })
  }

  begin(): Transaction {
    this.#sharing.needOpen()
    return new BufferedTransaction(async (payloads, entries) => this.#sharing.hand(payloads, entries, true))
  }

  drained(): Promise<void> {
    return this.#sharing.drained()
  }

  read(options?: ReadOptions): AsyncIterable<WalRecord> {
    return this.#sharing.wal.read(options)
  }

  replay(options?: ReplayOptions): AsyncIterable<CommittedUnit> {
    return this.#sharing.wal.replay(options)
  }

  /** As `Wal.tail` has it, on through changes of the lead. */
  tail(options: TailOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    this.needOpen()
    const { cursor, ...place } = options
    const resumed = cursor === undefined ? undefined : readingOf(cursor, place, this.directory)
    return this.#sharing.tail(place, resumed)
  }

  /** @internal */
  override get cursorLog(): CursorLog {
    return this.#sharing.wal.cursorLog
  }

  /** @internal */
  protected override needOpen(): void {
    this.#sharing.needOpen()
  }

  follow(after: number, apply: (unit: SharedUnit) => void, overtaken: () => Promise<number>): Promise<void> {
    return this.#sharing.start(after, { apply, overtaken })
  }

  /** Where another process leads, that one takes it, of its own index. */
  checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
    return this.#sharing.checkpoint(request)
  }

  flush(): Promise<void> {
    return this.#sharing.flush()
  }

  stats(): LogStats {
    return this.#sharing.wal.stats()
  }

  health(options?: HealthOptions): Promise<Health> {
    return this.#sharing.wal.health(options)
  }

  async close(): Promise<void> {
    // Nothing is taken from here on.
    const closed = this.#sharing.close()
    await this.closeCursors()
    await closed
  }
}

const seqOf = ({ seq }: Placed): number => seq
