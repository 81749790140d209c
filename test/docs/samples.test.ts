/**
 * Every sample of code in the documentation compiles against the package as it is built; those of
 * the README run.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ROOT, run } from '../package/nodes.ts'
import { pages, type Sample, writeSamples } from './samples.ts'

/**
 * Within the package, which so resolves its own name; a folder of its own, since programs that read
 * build/ run at the same time.
 */
const FOLDER = join(ROOT, 'build-samples')

const files = new Map<string, Sample>()
before(() => {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER)
  for (const page of pages()) for (const [file, sample] of writeSamples(FOLDER, page)) files.set(file, sample)
  cpSync(join(ROOT, 'test/docs/given.d.ts'), join(FOLDER, 'given.d.ts'))
})
after(() => rmSync(FOLDER, { recursive: true, force: true }))

test('every sample compiles', async () => {
  assert.ok(files.size > 20, `${files.size} samples`)
  const compilerOptions = {
    ...{
      module: 'NodeNext',
      target: 'ES2023',
      lib: ['ES2023', 'ESNext.Disposable'],
      types: ['node'],
      strict: true,
    },
    ...{
      outDir: 'out',
      rootDir: '.',
      skipLibCheck: true,
      allowJs: true,
      checkJs: true,
      rewriteRelativeImportExtensions: true,
    },
  }
  writeFileSync(
    join(FOLDER, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['.'], exclude: ['out'] }),
  )
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-p', FOLDER], { cwd: ROOT }).catch(({ stdout }: { stdout: string }) => {
    const told = stdout.replaceAll(/^(build-samples\/\S+?)\((\d+),\d+\)/gm, (line, file, number) => {
      const sample = files.get(join(ROOT, file))
      return sample ? `${sample.place}, line ${number} of the sample` : line
    })
    assert.fail(told)
  })
})

test('every sample of the README in TypeScript runs', async (t) => {
  const given = fileURLToPath(new URL('given.js', import.meta.url))
  const samples = [...files].filter(
    ([, { place, language }]) => place.startsWith('README.md:') && language === 'ts',
  )
  assert.ok(samples.length >= 3)
  for (const [file, { place }] of samples) {
    const cwd = mkdtempSync(join(tmpdir(), 'walv-readme-'))
    t.after(() => rmSync(cwd, { recursive: true }))
    const program = file.replace(FOLDER, join(FOLDER, 'out')).replace(/ts$/, 'js')
    await run(process.execPath, ['--import', given, program], { cwd }).catch(
      ({ stderr }: { stderr: string }) => assert.fail(`${place}: ${stderr}`),
    )
  }
})
