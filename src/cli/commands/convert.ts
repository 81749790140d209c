import { WalError } from '../../mod.ts'
import { unfinishedPath } from '../../v1/convert/new-directory.ts'
import { type ConvertOptions, type ConvertReport, convertToV1, convertToV2 } from '../../v1/mod.ts'
import { removeAtEnd } from '../at-end.ts'
import { type Command, command, type ExitCode, printJson, printLine } from '../command.ts'
import { needEmpty, openToLook } from '../opening.ts'
import { formatQuantity } from '../output.ts'
import { startProgress } from '../progress.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'convert',
  summary: 'write a log of format v1 as v2, or one of v2 as v1',
  details:
    'The direction follows from what FROM holds. FROM is only read. A v1 log becomes a v2 log that converts back to exactly the same records; this is checked. ' +
    'Exit code 1 if records of FROM are lost or unreadable; damage that loses none is passed over, and counted.',
  positionals: {
    from: { description: 'the directory to read' },
    to: { description: 'a new directory, or an empty one' },
  },
  options: {
    salvage: { type: 'boolean', description: 'convert what is left of a damaged log' },
    json: { type: 'boolean', description: 'one JSON object' },
  },
})

export const convert: Command = command(spec, async ({ salvage, json }, { from, to }): Promise<ExitCode> => {
  const isV1 = await holdsV1(from)
  await needEmpty(to)
  using _ = removeAtEnd(unfinishedPath(to))
  using progress = startProgress({ label: 'converting', unit: 'count' })
  const options: ConvertOptions = {
    from,
    to,
    policy: salvage ? 'salvage' : 'strict',
    onProgress: (records) => progress.update(records),
  }
  const report = await (isV1 ? convertToV2(options) : convertToV1(options))
  progress.end()
  if (json) await printJson({ converted: { ...report, format: isV1 ? 'v2' : 'v1' } })
  else await printLine(sentence(report, isV1, to))
  return 0
})

async function holdsV1(directory: string): Promise<boolean> {
  try {
    await openToLook(directory)
    return false
  } catch (error) {
    if (error instanceof WalError && error.code === 'WALV_V1_DIRECTORY') return true
    throw error
  }
}

function sentence({ records, withoutCounterpart, damage }: ConvertReport, toV2: boolean, to: string): string {
  const rest = toV2 ? 'without a form in v2 kept as in v1' : 'without a form in v1 left out'
  const parts = [`${formatQuantity(records, 'record')} written to ${to} in format ${toV2 ? 'v2' : 'v1'}`]
  if (withoutCounterpart > 0) parts.push(`${formatQuantity(withoutCounterpart, 'record')} ${rest}`)
  if (damage > 0) parts.push(`${formatQuantity(damage, 'damaged place')} passed over`)
  if (toV2) parts.push('checked: converting back gives the same records')
  return `${parts.join('; ')}.`
}
