// Writes the golden directories of format v2: logs as this walv writes them, and beside each what
// it must be read as, which is taken from what was appended and never from reading. Run once for a
// format version; test/golden/golden.test.ts reads them for ever. Refuses to touch a directory that
// exists. Usage, after `npm run build`: node scripts/write-golden.mjs test/golden/v2-index said
// saidInSnapshot
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { damaged, repaired } from './golden/damaged.mjs'
import { sha256 } from './golden/golden.mjs'
import { said, saidInSnapshot, versions, withSnapshot } from './golden/indexes.mjs'
import { everyKind, reopened, rotation, tornTail } from './golden/logs.mjs'
import { origins } from './golden/shared.mjs'

const [target, ...chosen] = process.argv.slice(2)
if (target === undefined || chosen.length === 0)
  throw new Error(
    'Name the directory to write, and which of its logs: test/golden/v2-index said saidInSnapshot',
  )
if (existsSync(target)) throw new Error(`${target} exists. Golden directories are never written again.`)
const scratch = mkdtempSync(join(tmpdir(), 'walv-golden-'))

const WRITERS = {
  everyKind,
  rotation,
  reopened,
  tornTail,
  damaged,
  repaired,
  withSnapshot,
  said,
  saidInSnapshot,
  origins,
  versions,
}

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* filesBelow(join(folder, entry.name))
    else yield join(folder, entry.name)
  }
}

try {
  mkdirSync(target, { recursive: true })
  for (const name of chosen) await WRITERS[name]({ scratch, target })
  const sums = [...filesBelow(target)].map(
    (path) => `${sha256(readFileSync(path))}  ${relative(target, path)}\n`,
  )
  const list = sums.toSorted((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('')
  writeFileSync(join(target, 'SHA256SUMS'), list)
  console.log(
    `${target}: ${sums.length} files. SHA-256 of SHA256SUMS, for test/golden/golden.test.ts:\n${sha256(list)}`,
  )
} catch (error) {
  rmSync(target, { recursive: true, force: true })
  throw error
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
