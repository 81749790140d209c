import { type Cursor, Wal, WalError } from '../../mod.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import { recordToJson } from '../json.ts'
import { defineCommand } from '../spec.ts'
import { hasCondition, recordToText } from '../text.ts'

const spec = defineCommand({
  name: 'tail',
  summary: 'print what is committed in a log, as it is',
  details:
    'Follows the log beside its writer, and whoever writes it after that: prints what is durable, in order, a transaction at its commit, until it is interrupted. ' +
    'What takes effect only if a condition holds says so (--json: conditional): the index decides that at its place, and walv history tells what it decided. ' +
    'With --cursor it goes on where the cursor of that name is, and moves it as it prints: what was printed last may be printed again by the next. ' +
    'Else nothing is written. --json prints the same lines as walv log --committed --json.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    json: { type: 'boolean', description: 'one JSON object a line' },
    from: {
      type: 'integer',
      placeholder: 'SEQ',
      description: 'the first record; by default the next one that comes',
    },
    cursor: {
      type: 'string',
      placeholder: 'NAME',
      description: 'go on behind this cursor; --from is where a new one begins',
    },
  },
})

export const tail: Command = command(
  spec,
  async ({ json, from, cursor: name }, { directory }): Promise<ExitCode> => {
    await using wal = await Wal.open({ directory, follow: true, recovery: 'salvage' })
    if (wal.stats().segments === 0 && wal.recovery.damage.length === 0)
      throw new WalError('WALV_NOT_FOUND', `There is no log in ${directory}. Check the path.`, {
        file: directory,
      })
    const cursor = name === undefined ? undefined : await wal.cursor(name, { from })
    const commits = cursor && new Commits(cursor)
    for await (const { entries, transactionId, ...place } of wal.tail(
      cursor ? { cursor } : { from: from ?? wal.lastSeq + 1 },
    )) {
      const isConditional = hasCondition(entries)
      for (const entry of entries) {
        const record = { ...place, entry, ...(transactionId !== undefined && { transactionId }) }
        await printLine(json ? recordToJson(record, isConditional) : recordToText(record, isConditional))
      }
      commits?.add(place.seq)
    }
    return 0
  },
)

/** Moves a cursor beside what goes on: one commit at a time, each of all that came meanwhile. */
class Commits {
  readonly #cursor: Cursor
  #last = -1
  #moving: Promise<void> | undefined
  #failure: unknown

  constructor(cursor: Cursor) {
    this.#cursor = cursor
  }

  /** @throws why an earlier one failed */
  add(seq: number): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#last = seq
    this.#moving ??= this.#commit()
      .catch((error) => {
        this.#failure = error
      })
      .finally(() => {
        this.#moving = undefined
      })
  }

  async #commit(): Promise<void> {
    while (this.#cursor.position < this.#last) await this.#cursor.commit(this.#last)
  }
}
