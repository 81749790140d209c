import { WalError } from '../errors.ts'
import { DEFAULT_MAX_HELD_BYTES } from '../limits.ts'
import { checkOptions, wrongKind } from '../option-names.ts'
import { NamedCursor } from './cursor/cursor.ts'
import { type CursorContent, type CursorPlace, checkCursorName } from './cursor/cursor-file.ts'
import { CursorStore } from './cursor/cursor-store.ts'
import { type CursorLog, cursorStatuses, unusable } from './cursor-log.ts'
import { CURSOR_OPTIONS, type Cursor, type CursorOptions, type CursorStatus } from './cursor-types.ts'
import { ownerText } from './lock-holder.ts'
import { wholeNumber } from './options.ts'

/** A log in a directory, with the named cursors of those who read it. */
export abstract class LogWithCursors {
  readonly #open = new Set<NamedCursor>()

  /** @internal As it is now. */
  abstract get cursorLog(): CursorLog

  /** @internal @throws WALV_CLOSED */
  protected abstract needOpen(): void

  /**
   * Opens the cursor of that name, or makes it. Give it to `tail`, and call its `commit` to move
   * it; it is there again after a crash, in whatever process opens it then. Retention keeps what it
   * needs, up to `maxHeldBytes`. A log that is followed has cursors too: their files are all that
   * is written there. The name has 1 to 64 of the characters `a-z 0-9 - _`.
   * @throws WALV_LOCKED where it is open, here or in another process; WALV_INVALID_OPTION;
   * WALV_SEQUENCE_TRIMMED where it is new and `from` is not kept; WALV_DAMAGED, WALV_FOREIGN_LOG
   * where its file cannot be used; WALV_READ_ONLY where the log was opened with `readOnly` alone;
   * WALV_NOT_FOUND where the directory has no log yet; WALV_DISK_FULL, WALV_PERMISSION, WALV_IO,
   * WALV_CLOSED
   */
  async cursor(name: string, options: CursorOptions = {}): Promise<Cursor> {
    checkOptions('cursor', options, CURSOR_OPTIONS)
    checkCursorName(name)
    this.needOpen()
    const { disk, directory, clock, live } = this.cursorLog
    live()
    const store = new CursorStore(disk, directory)
    const lock = await store.lock(name, ownerText(clock()))
    try {
      const content = await contentOf(name, options, store, this.cursorLog)
      const cursor = new NamedCursor(store, lock, content, {
        directory,
        syncedBefore: (before) => this.cursorLog.live().syncedBefore(before),
        closed: (closed) => this.#open.delete(closed),
      })
      // What was closed meanwhile closes it no more.
      this.needOpen()
      this.#open.add(cursor)
      return cursor
    } catch (error) {
      await lock.release().catch(() => {})
      throw error
    }
  }

  /**
   * Removes a cursor, durably: nothing is kept for it any more, and one that is made anew under its
   * name begins where that says. What it alone needed is removed at once in the process that
   * writes, and with its next checkpoint elsewhere. Resolves to whether it was there.
   * @throws WALV_LOCKED where it is open; WALV_READ_ONLY where the log was opened with `readOnly`
   * alone; WALV_INVALID_OPTION, WALV_PERMISSION, WALV_IO, WALV_CLOSED
   */
  async dropCursor(name: string): Promise<boolean> {
    checkCursorName(name)
    this.needOpen()
    const { disk, directory, clock, live } = this.cursorLog
    live()
    const store = new CursorStore(disk, directory)
    if ((await store.read(name)) === undefined) return false
    const lock = await store.lock(name, ownerText(clock()))
    try {
      await store.remove(name)
    } finally {
      await lock.release().catch(() => {})
    }
    await live().trim?.()
    return true
  }

  /** Every cursor that is there, by name, whoever has it open, as their files say. */
  async cursors(): Promise<CursorStatus[]> {
    this.needOpen()
    return cursorStatuses(this.cursorLog)
  }

  /** @internal Resolves when what they were told to commit is committed, or has failed. */
  protected async closeCursors(): Promise<void> {
    await Promise.all([...this.#open].map((cursor) => cursor.close()))
  }
}

/** Of the cursor's file, which is durable when this resolves, and made where it is not there. */
async function contentOf(
  name: string,
  options: CursorOptions,
  store: CursorStore,
  log: CursorLog,
): Promise<CursorContent> {
  const { from = 'end', maxHeldBytes } = options
  const maximum = maxHeldBytes === undefined ? undefined : wholeNumber('maxHeldBytes', maxHeldBytes, 0)
  const found = await store.read(name)
  if (found) {
    const problem = unusable(found, log)
    if (problem) throw new WalError(problem.code, problem.text, { file: store.pathOf(name) })
    const content = { ...found.content!, maxHeldBytes: maximum ?? found.content!.maxHeldBytes }
    // Written anew: whoever moved it may have been killed before its name was durable, or have been
    // told that it is not, and no sync of the folder makes up for that.
    await store.write(content)
    return content
  }
  const { logId, directory } = log
  if (logId === undefined)
    throw new WalError(
      'WALV_NOT_FOUND',
      `There is no log in ${directory} yet, so that the cursor ${name} would be of none. Open it when a writer has begun one.`,
      { file: directory },
    )
  const content = { name, logId, maxHeldBytes: maximum ?? DEFAULT_MAX_HELD_BYTES, ...beginOf(from, log) }
  await store.write(content)
  return content
}

/** Which transactions are open there, the records since the checkpoint before it tell. */
function beginOf(from: NonNullable<CursorOptions['from']>, log: CursorLog): CursorPlace {
  const { extents, before } = log.extent
  const firstSeq = extents[0]?.firstSeq ?? 0
  if (from === 'begin') return { position: firstSeq - 1, replayFrom: firstSeq }
  if (from !== 'end' && typeof from !== 'number') throw wrongKind('from', from, "a number, 'begin' or 'end'")
  const first = from === 'end' ? before : wholeNumber('from', from, 0, before)
  if (first < firstSeq)
    throw new WalError(
      'WALV_SEQUENCE_TRIMMED',
      `Record ${first} is no longer kept: the log in ${log.directory} begins with record ${firstSeq}. Begin there, with from: 'begin', or with a copy of what is there now and from: 'end'.`,
      { seq: firstSeq },
    )
  const replayFrom = log.checkpointBefore(first - 1)?.entry.replayFrom ?? firstSeq
  return { position: first - 1, replayFrom: Math.min(first, Math.max(firstSeq, replayFrom)) }
}
