import { epochMs } from '../../clock.ts'
import { type CommittedUnit, type Damage, nodeDisk, scanLog, WalError, type WalRecord } from '../../mod.ts'
import { readV1Directory, recoverV1, type V1Record } from '../../v1/mod.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import { damageToJson, recordToJson, v1RecordToJson } from '../json.ts'
import {
  isSelected,
  type LogSelection,
  momentFrom,
  RECORD_TYPES,
  type Selectable,
  timeFrom,
} from '../log-selection.ts'
import { lookAgain, openToLook } from '../opening.ts'
import { defineCommand } from '../spec.ts'
import { damageToText, hasCondition, quote, recordToText, v1RecordToText } from '../text.ts'

const spec = defineCommand({
  name: 'log',
  summary: 'print the records of a log, and its damage',
  details:
    'Reads logs of format v2 and v1, never writes, and may run beside a live writer. Vectors are shown by their size; --json has them whole, as base64 of ' +
    'little-endian float32. What is asked for narrows the records; damage is always told. A log that does not begin at record 0 says why. ' +
    '--committed leaves out transactions that did not commit. Exit code 1 if there is damage other than a torn tail.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    json: { type: 'boolean', description: 'one JSON object a line' },
    committed: {
      type: 'boolean',
      description: 'only what takes effect, where it does',
    },
    from: { type: 'integer', placeholder: 'SEQ', description: 'the first record' },
    to: { type: 'integer', placeholder: 'SEQ', description: 'the last record' },
    at: {
      type: 'string',
      placeholder: 'MOMENT',
      description: 'only what was there: a record, or a time as in --since',
    },
    since: { type: 'string', placeholder: 'TIME', description: '2026-11-30T10:45:00Z, or 15m, 2h, 7d ago' },
    id: { type: 'string', placeholder: 'ID', description: 'only records that change it' },
    type: {
      type: 'string',
      placeholder: 'TYPE',
      description: 'insert (of upserts too), upsert, update, delete, batch, checkpoint, …',
    },
    tail: {
      type: 'integer',
      short: 'n',
      placeholder: 'N',
      min: 1,
      max: 100_000,
      description: 'only the last N',
    },
  },
})

/** A line of a log of either format. */
interface Line {
  readonly text: () => string
  readonly json: () => string
  readonly damage?: Damage
  /** Absent of what is no record. */
  readonly record?: Selectable
}

export const log: Command = command(spec, async (options, { directory }): Promise<ExitCode> => {
  const { json, committed, tail } = options
  const selection = selectionOf(options)
  const last = new LastLines(tail)
  let exitCode: ExitCode = 0
  let isFirst = true
  for await (const line of linesOf(directory, committed)) {
    if (line.damage && line.damage.kind !== 'torn-tail') exitCode = 1
    if (line.record && !json && isFirst) await explainBeginning(directory, line.record)
    isFirst &&= line.record === undefined
    if (line.record && !isSelected(line.record, selection)) continue
    for (const text of last.push(json ? line.json() : line.text(), line.record !== undefined))
      await printLine(text)
  }
  for (const text of last.rest()) await printLine(text)
  return exitCode
})

interface Options extends Omit<LogSelection, 'since' | 'until'> {
  readonly since?: string | undefined
  readonly at?: string | undefined
}

/** @throws WALV_USAGE */
function selectionOf({ from, to: last, since, at, id, type }: Options): LogSelection {
  const moment = at === undefined ? undefined : momentFrom(at, 'log', epochMs())
  const to = moment?.seq === undefined ? last : Math.min(moment.seq, last ?? moment.seq)
  if (from !== undefined && to !== undefined && from > to)
    throw new WalError('WALV_USAGE', `--from ${from} is behind --to ${to}. See \`walv log --help\`.`)
  if (type !== undefined && !RECORD_TYPES.some((known) => known === type)) {
    const kinds = RECORD_TYPES.join(', ')
    throw new WalError('WALV_USAGE', `There is no record type ${quote(type)}. There are: ${kinds}.`)
  }
  const until = moment?.time
  return { from, to, since: since === undefined ? undefined : timeFrom(since, epochMs()), until, id, type }
}

/** All lines, or the last so many records with the damage among and before them. */
class LastLines {
  readonly #limit: number
  #held: { readonly text: string; readonly isRecord: boolean }[] = []
  #records = 0

  constructor(limit = 0) {
    this.#limit = limit
  }

  /** What is to be printed by now. */
  push(text: string, isRecord: boolean): string[] {
    if (this.#limit === 0) return [text]
    this.#held.push({ text, isRecord })
    if (isRecord) this.#records++
    // Twice as many are kept, so that few of them are moved at each step.
    return this.#records >= 2 * this.#limit ? this.#cut() : []
  }

  rest(): string[] {
    return [...this.#cut(), ...this.#held.map(({ text }) => text)]
  }

  /** Drops all records but the last so many; damage before these is answered. */
  #cut(): string[] {
    const damage: string[] = []
    let at = 0
    for (; this.#records > this.#limit; at++) {
      const { text, isRecord } = this.#held[at]!
      if (isRecord) this.#records--
      else damage.push(text)
    }
    this.#held = this.#held.slice(at)
    return damage
  }
}

/**
 * A log that begins later than at 0 without damage is one whose beginning a snapshot made
 * superfluous.
 */
async function explainBeginning(directory: string, { seq }: Selectable): Promise<void> {
  if (typeof seq === 'bigint' || seq === 0) return
  const { lastCheckpoint } = await openToLook(directory)
  if (lastCheckpoint?.snapshot == null || lastCheckpoint.sequenceNumber < seq - 1) return
  await printLine(
    `Records 0 to ${seq - 1} are no longer kept: the snapshot through record ${lastCheckpoint.sequenceNumber} holds their effect.`,
  )
}

async function* linesOf(directory: string, committed: boolean): AsyncGenerator<Line, void, void> {
  try {
    yield* lookAgain(() => (committed ? committedV2(directory) : everythingV2(directory)))
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'WALV_V1_DIRECTORY') throw error
    yield* linesV1(directory, committed)
  }
}

async function* everythingV2(directory: string): AsyncGenerator<Line, void, void> {
  let found = false
  for await (const item of scanLog({ directory })) {
    found = true
    yield 'damage' in item ? damageLine(item.damage) : recordLine(item.record)
  }
  if (!found) await openToLook(directory)
}

async function* committedV2(directory: string): AsyncGenerator<Line, void, void> {
  const wal = await openToLook(directory)
  const units = wal.replay()
  // Before anything is told: if this is gone already, it is looked again.
  const first = await units.next()
  for (const damage of wal.recovery.damage) yield damageLine(damage)
  if (first.done) return
  yield* unitLines(first.value)
  for await (const unit of units) yield* unitLines(unit)
}

function* unitLines({ entries, ...place }: CommittedUnit): Generator<Line, void, void> {
  const isConditional = hasCondition(entries)
  for (const entry of entries) yield recordLine({ ...place, entry }, isConditional)
}

async function* linesV1(directory: string, committed: boolean): AsyncGenerator<Line, void, void> {
  const items = committed
    ? recoverV1(nodeDisk, directory, { policy: 'salvage' })
    : readV1Directory(nodeDisk, directory)
  for await (const { record, damage } of items) yield damage ? damageLine(damage) : v1RecordLine(record)
}

const recordLine = (record: WalRecord, isConditional = false): Line => ({
  record: { seq: record.seq, timestampMs: record.timestamp, entry: record.entry },
  text: () => recordToText(record, isConditional),
  json: () => recordToJson(record, isConditional),
})

/** The original wrote seconds. */
const v1RecordLine = (record: V1Record): Line => ({
  record: { seq: record.seq, timestampMs: Number(record.entry.timestamp) * 1000, entry: record.entry },
  text: () => v1RecordToText(record),
  json: () => v1RecordToJson(record),
})

const damageLine = (damage: Damage): Line => ({
  damage,
  text: () => damageToText(damage),
  json: () => damageToJson(damage),
})
