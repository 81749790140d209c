import { type Damage, nodeDisk, scanLog, WalError } from '../../mod.ts'
import { readV1Directory, recoverV1 } from '../../v1.ts'
import { defineCommand } from '../args.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import { damageToJson, recordToJson, v1RecordToJson } from '../json.ts'
import { openToLook } from '../opening.ts'
import { damageToText, recordToText, v1RecordToText } from '../text.ts'

const spec = defineCommand({
  name: 'log',
  summary: 'print the records of a log, and its damage',
  details:
    'Reads logs of format v2 and v1, never writes, and may run beside a live writer. Vectors are shown by their size; --json has them whole, as base64 of ' +
    'little-endian float32. Exit code 1 if there is damage other than a torn tail.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: {
    json: { type: 'boolean', description: 'one JSON object a line' },
    committed: {
      type: 'boolean',
      description: 'only what takes effect, where it does: nothing of transactions that did not commit',
    },
  },
})

/** A line, or damage, of a log of either format. */
type Line = { readonly text: () => string; readonly json: () => string; readonly damage?: Damage }

export const log: Command = command(spec, async ({ json, committed }, { directory }): Promise<ExitCode> => {
  let exitCode: ExitCode = 0
  for await (const line of linesOf(directory, committed)) {
    if (line.damage && line.damage.kind !== 'torn-tail') exitCode = 1
    await printLine(json ? line.json() : line.text())
  }
  return exitCode
})

async function* linesOf(directory: string, committed: boolean): AsyncGenerator<Line, void, void> {
  try {
    yield* committed ? committedV2(directory) : everythingV2(directory)
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'WALV_V1_DIRECTORY') throw error
    yield* linesV1(directory, committed)
  }
}

async function* everythingV2(directory: string): AsyncGenerator<Line, void, void> {
  let found = false
  for await (const item of scanLog({ directory })) {
    found = true
    if ('damage' in item) yield damageLine(item.damage)
    else yield { text: () => recordToText(item.record), json: () => recordToJson(item.record) }
  }
  if (!found) await openToLook(directory)
}

async function* committedV2(directory: string): AsyncGenerator<Line, void, void> {
  const wal = await openToLook(directory)
  for (const damage of wal.recovery.damage) yield damageLine(damage)
  for await (const { entries, transactionId, ...place } of wal.replay()) {
    for (const entry of entries) {
      const record = { ...place, entry, ...(transactionId !== undefined && { transactionId }) }
      yield { text: () => recordToText(record), json: () => recordToJson(record) }
    }
  }
}

async function* linesV1(directory: string, committed: boolean): AsyncGenerator<Line, void, void> {
  const items = committed ? recoverV1(nodeDisk, directory, { policy: 'salvage' }) : readV1Directory(nodeDisk, directory)
  for await (const { record, damage } of items) {
    if (damage) yield damageLine(damage)
    else yield { text: () => v1RecordToText(record), json: () => v1RecordToJson(record) }
  }
}

const damageLine = (damage: Damage): Line => ({
  damage,
  text: () => damageToText(damage),
  json: () => damageToJson(damage),
})
