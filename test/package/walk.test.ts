/**
 * What the README tells a newcomer to do, word for word, from an empty folder, with the packed
 * tarball in the place of the published package.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { samplesOf } from '../docs/samples.ts'
import { pack, removeFolder, temporaryFolder } from './installed.ts'
import { NODE_VERSIONS, NPM, nodeProgram, ROOT, run, withNode } from './nodes.ts'

const section = (text: string, title: string): string => text.split(`\n## ${title}\n`)[1]!.split('\n## ')[0]!
const commandsIn = (text: string): string[] =>
  [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, lines]) => lines!.trim().split('\n'))

let folder: string
let tarball: string
before(async () => {
  folder = await temporaryFolder()
  tarball = (await pack(folder)).tarball
})
after(() => removeFolder(folder))

/** A `node` and an `npm` for the shell: npm is this machine's, run by that Node. */
async function shell(place: string, node: string): Promise<(command: string) => Promise<string>> {
  const programs = join(place, 'programs')
  const cwd = join(place, 'empty')
  await mkdir(programs, { recursive: true })
  await mkdir(cwd)
  await symlink(node, join(programs, 'node'))
  await writeFile(join(programs, 'npm'), `#!/bin/sh\nexec "${node}" "${NPM}" "$@" --prefer-offline\n`, {
    mode: 0o755,
  })
  const env = { ...withNode(join(programs, 'node')) }
  return async (command) => (await run('/bin/sh', ['-c', command], { cwd, env })).stdout
}

/** The README waits as long as a machine needs that does nothing else. */
const patient = (command: string): string =>
  command.replace(/\bsleep (\d+)/, (_, seconds) => `sleep ${4 * Number(seconds)}`)

/** What each sample of the quick start prints. */
const PRINTED: Readonly<Record<string, RegExp>> = {
  'search.mjs': /^mine 0\.\d{3} \{ title: 'x', lang: 'en' \}$/m,
  'fill.mjs': /^2 inserted$/m,
}
const rows = [1, 2].map((number) => ({ id: `row-${number}`, vector: new Array(768).fill(number), text: 'x' }))

const NEWCOMERS = NODE_VERSIONS.filter((version) => /^(20|24)\./.test(version))

describe('from an empty folder to an index that survives kill -9', { concurrency: true }, () => {
  for (const version of NEWCOMERS)
    test(`on Node ${version}`, async () => {
      const readme = section(await readFile(join(ROOT, 'README.md'), 'utf8'), 'Quick start')
      const commands = commandsIn(readme)
      assert.ok(commands.length <= 5, `${commands.length} commands`)
      const place = join(folder, version)
      const sh = await shell(place, await nodeProgram(version))
      const program = samplesOf('README.md').find(({ name }) => name === 'survive.mjs')!
      await writeFile(join(place, 'empty', 'survive.mjs'), program.code)

      const printed: string[] = []
      for (const command of commands)
        printed.push(await sh(patient(command.replace(/\bwalv\b(?= |$)/, tarball))))
      const runs = printed.filter((text) => text.includes('came back'))
      assert.equal(runs.length, 2)
      assert.match(runs[0]!, /^0 vectors came back\n/)
      const acknowledged = Math.max(
        ...[...runs[0]!.matchAll(/^doc-(\d+) is acknowledged$/gm)].map(([, n]) => Number(n)),
      )
      const cameBack = Number(/^(\d+) vectors came back$/m.exec(runs[1]!)![1])
      assert.ok(
        acknowledged >= 0 && cameBack > acknowledged,
        `${acknowledged} was acknowledged, ${cameBack} came back`,
      )

      await writeFile(
        join(place, 'empty', 'vectors.jsonl'),
        rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
      )
      for (const { name, code } of samplesOf('docs/guides/quick-start.md')) {
        await writeFile(join(place, 'empty', name!), code)
        assert.match(await sh(`node ${name}`), PRINTED[name!]!)
      }
    })
})
