import { echo } from '../../../echo.ts'
import type { JsonValue } from '../../../entry.ts'
import { WalError } from '../../../errors.ts'
import { isShared, type Log } from '../../../log/log.ts'
import { type CheckedMoment, checkMoment, type Moment } from '../../../log/moment.ts'
import { checkOptions, type OptionNames, wrongKind } from '../../../option-names.ts'
import type { AppliedUnit, PlannedUnit } from '../conditional-changes.ts'
import { IndexReader } from '../index-reader.ts'
import type { IndexState } from '../index-state.ts'
import { type Difference, differences } from './diff.ts'
import { type Forked, fork } from './fork.ts'
import { type Version, versionsOf } from './history.ts'
import { walOf } from './past-state.ts'
import { type Reverted, revert } from './revert.ts'

export interface PastOptions {
  /** Ends the reading early, with `WALV_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

const PAST_OPTIONS: OptionNames<PastOptions> = { signal: true }

/** Behind every other. */
const NOW: CheckedMoment = { time: Number.POSITIVE_INFINITY }

/** What can be done with the past of an index, as far back as its log is kept. */
export abstract class IndexWithPast<Metadata = JsonValue> extends IndexReader<Metadata> {
  readonly #log: Log
  readonly #state: IndexState

  /** @internal */
  constructor(state: IndexState, log: Log) {
    super(state)
    this.#log = log
    this.#state = state
  }

  /**
   * @internal Applies together what `plan` answers, when everything before is applied.
   */
  protected abstract applyPlanned(plan: () => PlannedUnit): Promise<AppliedUnit>

  /**
   * The versions of an id, oldest first, each with the change that made it; none where the log
   * knows of none. They go back as far as the past is kept: where the id was there before that, the
   * first version is of the type `kept`. Reads all of the log that is kept.
   * @throws WALV_INVALID_ID, WALV_INVALID_OPTION, WALV_CLOSED, WALV_SEQUENCE_TRIMMED where
   * checkpoints overtake the reading, and what `Wal.read` throws
   */
  history(id: string, options: PastOptions = {}): AsyncGenerator<Version<Metadata>, void, void> {
    this.needOpen()
    checkOptions('history', options, PAST_OPTIONS)
    if (typeof id !== 'string')
      throw new WalError('WALV_INVALID_ID', `An id must be a string, not ${echo(id)}.`)
    walOf(this.#log)
    return versionsOf(this.#log, id, options.signal) as AsyncGenerator<Version<Metadata>, void, void>
  }

  /**
   * The ids in which the index differs at two moments, in the order in which they were first
   * changed in between. The second moment is now if it is left out. Memory: that of the ids and
   * their metadata, without vectors.
   * @throws WALV_SEQUENCE_TRIMMED where a moment is no longer kept, WALV_NOT_FOUND where it is not
   * there yet, WALV_INVALID_OPTION, WALV_CLOSED, and what `Wal.read` throws
   */
  diff(from: Moment, to?: Moment, options: PastOptions = {}): AsyncGenerator<Difference, void, void> {
    this.needOpen()
    checkOptions('diff', options, PAST_OPTIONS)
    const first = checkMoment('diff', from)
    const second = to === undefined ? NOW : checkMoment('diff', to)
    walOf(this.#log)
    return this.#differences(first, second, options.signal)
  }

  /**
   * Makes the index what it was at a moment, by one change that takes effect at once, and is logged
   * like any other: reverting to `before` of the answer undoes it. Changes go on meanwhile; those
   * that were called before the revert takes its place in the log are reverted too, those after it
   * are not. More than one record can hold is a transaction, with its ids reserved until its end.
   * @throws WALV_SEQUENCE_TRIMMED where the moment is no longer kept, WALV_NOT_FOUND where it is
   * not there yet; WALV_LIMIT if it would put back more than `MAX_REVERT_BYTES`; WALV_CONFLICT if
   * an open transaction has touched one of the ids, or other processes change them again and again;
   * WALV_READ_ONLY, and what `insert` throws
   */
  async revertTo(moment: Moment, options: PastOptions = {}): Promise<Reverted> {
    this.needOpen()
    checkOptions('revertTo', options, PAST_OPTIONS)
    const checked = checkMoment('revertTo', moment)
    const log = this.#log
    const wal = walOf(log)
    // Only one that is open for writing ever has room.
    await log.drained()
    const reverting = { log: wal, state: this.#state, isShared: isShared(log), signal: options.signal }
    return revert(reverting, await wal.seqAt(checked), (plan) => this.applyPlanned(plan))
  }

  /**
   * Makes a new index in a new directory, with a log of its own, that begins with what this one was
   * at a moment, by default now. From then on the two have nothing to do with each other. The files
   * of the snapshot before the moment are shared where the file system can (as copies that share
   * their blocks, or under a second name), and what was changed since is written again. The
   * directory has its name when it is whole and durable.
   * @throws WALV_INVALID_OPTION if the directory is not empty, WALV_SEQUENCE_TRIMMED,
   * WALV_NOT_FOUND, WALV_DISK_FULL, WALV_IO, WALV_CLOSED
   */
  async fork(directory: string, moment?: Moment, options: PastOptions = {}): Promise<Forked> {
    this.needOpen()
    checkOptions('fork', options, PAST_OPTIONS)
    if (typeof directory !== 'string' || directory === '' || directory.includes('\0'))
      throw wrongKind('directory', directory, 'a path')
    const checked = moment === undefined ? NOW : checkMoment('fork', moment)
    const wal = walOf(this.#log)
    return fork(wal, this.#state.identity, directory, await wal.seqAt(checked), options.signal)
  }

  async *#differences(
    from: CheckedMoment,
    to: CheckedMoment,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Difference, void, void> {
    const wal = walOf(this.#log)
    yield* differences(wal, await wal.seqAt(from), await wal.seqAt(to), signal)
  }
}
