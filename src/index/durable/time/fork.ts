import { resolve } from 'node:path'
import type { BatchMember, EntryInput, IndexIdentity } from '../../../entry.ts'
import type { WalError } from '../../../errors.ts'
import { indexRecord } from '../../../format/index-record.ts'
import type { FoundCheckpoint } from '../../../log/checkpoint/found-checkpoint.ts'
import { fillNewDirectory } from '../../../log/new-directory.ts'
import type { WalOptions } from '../../../log/options.ts'
import { LOOKS_BESIDE_WRITER, lookBesideWriter } from '../../../log/recover/beside-writer.ts'
import { Wal } from '../../../log/wal.ts'
import { DecidedUnits } from './decided-units.ts'
import { openPast } from './past-state.ts'

/** What a fork was made of. */
export interface Forked {
  /** The new directory. */
  readonly directory: string
  /** The record of the log that was forked, right after which the fork begins. */
  readonly seq: number
  /** How many changes were written anew, on top of the snapshot that is shared. */
  readonly replayed: number
}

/** The fork stands beside its place under such a name, until it is whole. */
export const unfinishedFork = (directory: string): string => `${resolve(directory)}.walv-forking`

/**
 * Makes a new log, with an identity of its own, that begins with the state after a record: the
 * snapshot before it, whose files are shared where the disk can, and the changes from there on.
 */
export async function fork(
  source: Wal,
  identity: IndexIdentity,
  directory: string,
  seq: number,
  signal: AbortSignal | undefined,
): Promise<Forked> {
  const path = resolve(directory)
  const making = {
    path,
    unfinished: unfinishedFork(path),
    notEmpty: `${path} is not empty. Fork into a new directory. Nothing was written.`,
    failed: `The log could not be forked into ${path}`,
  }
  const replayed = await lookBesideWriter(LOOKS_BESIDE_WRITER, async () => {
    const isBegin = source.stats().firstSeq === 0 && seq <= source.lastSeq
    const from =
      isBegin || source.checkpointBefore(seq) ? source : await openPast(source, { until: { seq } }, signal)
    return fillNewDirectory(source.disk, making, (unfinished) =>
      write(from, { directory: unfinished, identity, seq, signal }),
    )
  })
  return { directory: path, seq, replayed }
}

interface Task {
  readonly directory: string
  readonly identity: IndexIdentity
  readonly seq: number
  readonly signal: AbortSignal | undefined
}

async function write(source: Wal, { directory, identity, seq, signal }: Task): Promise<number> {
  const base = source.checkpointBefore(seq)
  const place = base && { after: base.entry.sequenceNumber, from: base.entry.replayFrom }
  const units = source.replay({ ...place, borrow: true, signal })
  let unit = await units.next()
  // Each record has the time that it had.
  let now = Math.min(base?.timestamp ?? 0, unit.value?.timestamp ?? Number.POSITIVE_INFINITY)
  const options = { directory, disk: source.disk, durability: 'os' } as const
  if (base) await beginBehind(base, source, identity, now, options)
  const target = await Wal.open({ ...options, clock: () => now })
  const decided = new DecidedUnits({
    base: base && { checkpoint: base.entry, snapshot: source.snapshotOf(base.entry)! },
    replay: (options) => source.replay(options),
    signal,
  })
  const copy = new Copy(target)
  try {
    for (; !unit.done && unit.value.seq <= seq; unit = await units.next()) {
      now = unit.value.timestamp
      const entries = await decided.next(unit.value)
      if (entries) await copy.add(entries)
    }
    await copy.end()
  } finally {
    await units.return()
    await target.close()
  }
  return copy.count
}

/**
 * Begins a log with a snapshot, which holds the effect of its first record: that says what vectors
 * they are. It is let go of, so that the log begins behind it: where a log has all of its records
 * from the first on, a snapshot that is bad is done without, and what this one holds is nowhere
 * else.
 */
async function beginBehind(
  { entry }: FoundCheckpoint,
  source: Wal,
  identity: IndexIdentity,
  time: number,
  options: Pick<WalOptions, 'directory' | 'disk' | 'durability'>,
): Promise<void> {
  const snapshot = source.snapshotOf(entry)!
  // The first record has a segment of its own: that is too old for the next.
  let now = Math.max(0, time - 1)
  const target = await Wal.open({
    ...options,
    clock: () => now,
    checkpointRetention: 1,
    segmentMaxAgeMs: 1,
  })
  try {
    const seq = await target.append(indexRecord(identity))
    now = time
    await target.checkpoint({
      seq,
      async snapshot(files) {
        for (const file of snapshot.reference.files) await files.share!(snapshot.path(file.name), file)
        return snapshot.reference.info
      },
    })
  } finally {
    await target.close()
  }
}

/** Appends units to a log: what took effect together does so again. */
class Copy {
  count = 0
  readonly #target: Wal
  readonly #failures: unknown[] = []

  constructor(target: Wal) {
    this.#target = target
  }

  async add(entries: readonly BatchMember[]): Promise<void> {
    if (this.#failures.length > 0) throw this.#failures[0]
    const [only] = entries
    if (only === undefined) return
    this.count++
    const entry: EntryInput = entries.length === 1 ? only : { type: 'batch', entries }
    try {
      await this.#retrying(() => this.#submit(entry))
    } catch (error) {
      if ((error as WalError).code !== 'WALV_LIMIT') throw error
      const transaction = this.#target.begin()
      for (const each of entries) await this.#retrying(() => transaction.append(each))
      await transaction.commit()
    }
  }

  /** @throws what one of them was refused with */
  async end(): Promise<void> {
    await this.#target.flush()
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  #submit(entry: EntryInput): void {
    this.#target.submit(entry).catch((error) => this.#failures.push(error))
  }

  /** What is called in vain for want of room is called again. */
  async #retrying(call: () => void): Promise<void> {
    for (;;) {
      try {
        return call()
      } catch (error) {
        if ((error as WalError).code !== 'WALV_BACKPRESSURE') throw error
        await this.#target.drained()
      }
    }
  }
}
