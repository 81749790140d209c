import type { OptionNames } from '../option-names.ts'

export interface CursorOptions {
  /**
   * Where a cursor begins that is new: `'end'`, behind what has taken effect; `'begin'`, with the
   * oldest record that is kept; a number, with that record. Default `'end'`. One that is there goes
   * on where it is.
   */
  readonly from?: number | 'begin' | 'end' | undefined
  /**
   * How many bytes of segments retention keeps for this cursor alone. Where it would need more, the
   * log lets go of them, and the cursor's reader is told `WALV_SEQUENCE_TRIMMED`. Default: what it
   * was given before, or 1 GiB.
   */
  readonly maxHeldBytes?: number | undefined
}

export const CURSOR_OPTIONS: OptionNames<CursorOptions> = { from: true, maxHeldBytes: true }

/**
 * How far somebody has come who reads a log, under a name and durable: given to `tail` or
 * `changes`, these go on behind it. Each unit is told at least once: after a crash, everything
 * behind the last position that was committed.
 */
export interface Cursor extends AsyncDisposable {
  readonly name: string
  /** Everything up to and including this record is committed; −1: nothing is. */
  readonly position: number
  /**
   * Moves the position, durably when it resolves: to `seq`, or, without it, behind the last unit
   * that the next one was asked for after. It never moves back: an earlier one changes nothing. Two
   * syncs of the disk: commit after many units, not after each.
   *
   * A position is on stable storage only together with the log before it. Where this process writes
   * the log, that is synced first. At the durability levels other than `'commit'`, a process that
   * shares the directory and does not write moves it as far as the log is synced.
   * @throws WALV_INVALID_OPTION where `seq` was not told yet, WALV_CLOSED, WALV_LOCK_LOST,
   * WALV_DISK_FULL, WALV_PERMISSION, WALV_IO: then it is where it was, or, after WALV_IO, there
   */
  commit(seq?: number): Promise<void>
  /** Lets another have it, from its position on. Closing the log does so too. Commits nothing. */
  close(): Promise<void>
}

/** What is known of a cursor, whoever has it open. */
export interface CursorStatus {
  readonly name: string
  /** −1 before the first record. Undefined where `problem` is that the file cannot be used. */
  readonly position: number | undefined
  readonly maxHeldBytes: number
  /** Records behind its position, markers of transactions and checkpoints included. */
  readonly recordsBehind: number
  /** Bytes of the segments that hold them, whole segments each. */
  readonly bytesBehind: number
  /** Bytes of those among them that nothing else needs: checkpoints would have let go of them. */
  readonly heldBytes: number
  /** Why nothing can be read from its position on, and what to do; undefined where it can. */
  readonly problem: string | undefined
}
