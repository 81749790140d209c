/**
 * Fuzzes one target, or each in turn: `npm run fuzz -- [TARGET ...] [--seconds N] [--seed N]`. What
 * is found is written to `test/fuzz/found`, where the tests run it from then on. Exits with 1 if
 * anything was found.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Progress, runCampaign } from './campaign.ts'
import { FOUND } from './found.ts'
import { targets } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
})
const names = positionals.length > 0 ? positionals : targets.map(({ name }) => name)
const unknown = names.find((name) => !targets.some((target) => target.name === name))
if (unknown !== undefined) {
  process.stderr.write(
    `There is no target ${unknown}. There are: ${targets.map(({ name }) => name).join(', ')}.\n`,
  )
  process.exit(2)
}
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed)
process.stdout.write(`seed ${seed}\n`)

for (const name of names) {
  const started = performance.now()
  const tell = ({ inputs, corpus, words, characters, stepsPerByte }: Progress): void => {
    const perSecond = Math.round((inputs / (performance.now() - started)) * 1000)
    process.stdout.write(
      `${name}: ${inputs} inputs, ${perSecond}/s, ${corpus} kept, ${words} words, ${characters} characters of code, ${stepsPerByte.toFixed(0)} steps for a byte\n`,
    )
  }
  const { finding, ...progress } = await runCampaign({ name, seed, seconds, onProgress: tell })
  tell(progress)
  if (!finding) continue
  process.exitCode = 1
  const path = join(
    FOUND,
    `${name}.${createHash('sha256').update(finding.input).digest('hex').slice(0, 8)}.hex`,
  )
  writeFileSync(path, `${Buffer.from(finding.input).toString('hex')}\n`)
  process.stdout.write(`${name}: FOUND ${finding.error}\n${finding.input.length} bytes in ${path}\n`)
}
