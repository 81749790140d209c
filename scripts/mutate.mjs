/**
 * Mutation testing: changes one thing of the sources at a time, and expects a test to fail.
 *
 *     node scripts/mutate.mjs              each folder below with its tests, one after the other
 *     node scripts/mutate.mjs src/format   one of them
 *     node scripts/mutate.mjs src/log/open.ts:10-20 test/log test/crash   any lines with any tests
 *
 * Prints what survived; build-mutate/report.html and report.json hold all of it. BUILD names
 * another folder, for two runs at the same time. Fails if the score is below 90 %.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Stryker } from '@stryker-mutator/core'

/** What is quick, and about the folder. */
const TESTS = {
  'src/format': ['test/format'],
  'src/disk': ['test/disk'],
}

const sources = (path) => (/\.ts(:|$)/.test(path) ? path : `${path}/**/*.ts`)
const compiled = (path) =>
  `build/${path.endsWith('.ts') ? path.replace(/\.ts$/, '.js') : `${path}/**/*.test.js`}`

async function mutate(path, tests, build) {
  const results = await new Stryker({
    mutate: [sources(path), '!**/*.d.ts'],
    plugins: [import.meta.resolve('@stryker-mutator/tap-runner')],
    testRunner: 'tap',
    tap: { testFiles: tests.map(compiled) },
    buildCommand: 'npx tsc -p tsconfig.json --noCheck',
    // Stryker rewrites the configuration that it finds with TypeScript's JavaScript API, which
    // TypeScript 7 has not. Ours needs no rewriting.
    tsconfigFile: 'none',
    ignorePatterns: ['/*', '!/src', '!/test', '!/bench', '!/docs', '!/tsconfig.json', '!/package.json'],
    tempDirName: `${build}/sandbox`,
    concurrency: Number(process.env.CONCURRENCY ?? 2),
    reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
    clearTextReporter: { logTests: false, allowColor: false },
    htmlReporter: { fileName: `${build}/report.html` },
    jsonReporter: { fileName: `${build}/report.json` },
    thresholds: { high: 100, low: 95, break: 90 },
    timeoutMS: 20_000,
    logLevel: 'warn',
  }).runMutationTest()
  // Stryker takes whatever runs out of time for detected. An endless loop is; a test that was slow
  // has shown nothing.
  const slow = results.filter(
    ({ status, statusReason }) => status === 'Timeout' && !statusReason?.startsWith('Hit limit'),
  )
  for (const { fileName, location, replacement } of slow)
    console.log(`Out of time, look at it: ${relative('.', fileName)}:${location.start.line} ${replacement}`)
}

// Tests that are killed in the middle leave their folders behind.
const temporary = mkdtempSync(join(tmpdir(), 'walv-mutate-'))
process.env.TMPDIR = temporary
const [path, ...tests] = process.argv.slice(2)
const folders = path === undefined ? Object.keys(TESTS) : [path]
try {
  for (const folder of folders)
    await mutate(folder, tests.length > 0 ? tests : TESTS[folder], process.env.BUILD ?? 'build-mutate')
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
