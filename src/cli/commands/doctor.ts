import { diagnose } from '../../mod.ts'
import { type Command, command, type ExitCode, printLine } from '../command.ts'
import { findingsToText, stepsToText } from '../diagnosis.ts'
import { diagnosisToJson } from '../json.ts'
import { findLostIds } from '../lost-ids.ts'
import { startProgress } from '../progress.ts'
import { defineCommand } from '../spec.ts'

const spec = defineCommand({
  name: 'doctor',
  summary: 'say what is wrong with a log, what is lost, and what to do',
  details:
    'Reads and checks everything, never writes, and may run beside a live writer. Exit code 0 if the log is healthy or has a torn tail, which is what a crash ' +
    'leaves; 1 otherwise. With --json: one object, {"diagnosis":{…}}.',
  positionals: { directory: { description: 'the directory of the log' } },
  options: { json: { type: 'boolean', description: 'one JSON object' } },
})

export const doctor: Command = command(spec, async ({ json }, { directory }): Promise<ExitCode> => {
  using progress = startProgress({ label: 'examining', unit: 'bytes' })
  const diagnosis = await diagnose({ directory, onProgress: (done) => progress.update(done) })
  const lostIds = await findLostIds(diagnosis)
  progress.end()
  if (json) await printLine(diagnosisToJson(diagnosis, lostIds))
  else {
    const parts = [findingsToText(diagnosis, lostIds), stepsToText(diagnosis.remedy.steps)]
    await printLine(parts.filter((part) => part !== '').join('\n\n'))
  }
  return diagnosis.verdict === 'healthy' || diagnosis.verdict === 'torn-tail' ? 0 : 1
})
