/**
 * The disaster stories print what docs/guides/disasters.md says that they print. The full disk is
 * in test/torture/full-disk.test.ts.
 */
import assert from 'node:assert/strict'
import { type ExecFileException, execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../package/nodes.ts'
import { DurableIndex, flat, startWriter, type WalError } from '../support/kit.ts'

const page = readFileSync(join(ROOT, 'docs/guides/disasters.md'), 'utf8')

/** Runs the command line and resolves to what it prints, whatever its exit code. */
const walv = (...args: string[]): Promise<string> =>
  new Promise((resolve) => {
    const done = (_error: ExecFileException | null, stdout: string) => resolve(stdout)
    execFile(process.execPath, [join(ROOT, 'build/src/cli/main.js'), ...args], done)
  })

function isOnThePage(printed: string, directory: string): void {
  const text = printed.replaceAll(directory, './data').trim()
  assert.ok(text.length > 0 && page.includes(text), `not on the page:\n${text}`)
}

test('doctor says acknowledged loss', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'walv-story-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const options = { directory, index: flat({ dimensions: 64 }) }
  const vector = (n: number) => Float32Array.from({ length: 64 }, (_, element) => Math.sin(n * 64 + element))

  const index = await DurableIndex.open(options)
  await Promise.all(Array.from({ length: 200 }, (_, n) => index.upsert(`doc-${n}`, vector(n), { n })))
  await index.close()
  const file = await open(join(directory, 'segment-0000000001.walv'), 'r+')
  await file.write(Buffer.alloc(512), 0, 512, 17_920)
  await file.close()

  const again = () => DurableIndex.open({ directory, index: flat({ dimensions: 64 }) })
  const refusal = await again().then(
    () => assert.fail('it opened'),
    (error: WalError) => `${error.code}: ${error.message}`,
  )
  isOnThePage(refusal, directory)
  isOnThePage(await walv('doctor', directory), directory)
  // What is asked and what is lost is printed before, as doctor prints it.
  const repaired = await walv('repair', directory, '--yes')
  isOnThePage(repaired.slice(repaired.indexOf('The repair copies')), directory)
  isOnThePage(await walv('doctor', directory), directory)
  const left = await again()
  assert.deepEqual([left.size, left.recovery.gaps], [198, [{ from: 52, through: 53 }]])
  await left.close()
})

test('two processes', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'walv-story-'))
  t.after(() => rmSync(directory, { recursive: true }))
  // As many records as an index of one vector has: the first says what the index holds.
  const { child } = await startWriter(t, { directory, count: 2 })
  const asTold = (text: string) =>
    text.replace(
      /process \d+ on \S+?(,?) since [\dT:.-]+Z/,
      'process 13010 on vm$1 since 2026-11-28T22:21:17.113Z',
    )

  const refused = DurableIndex.open({ directory, index: flat({ dimensions: 1 }) })
  isOnThePage(
    asTold(
      String(
        await refused.then(
          () => assert.fail('it opened'),
          (error: WalError) => error,
        ),
      ),
    ),
    directory,
  )
  isOnThePage(asTold(await walv('doctor', directory)), directory)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  await (await DurableIndex.open({ directory, index: flat({ dimensions: 1 }) })).close()
})
