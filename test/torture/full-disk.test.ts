import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LIMIT_SCENES, SCENES } from './full-disk-scenes.ts'

const CHILD = fileURLToPath(new URL('./full-disk-child.js', import.meta.url))

/** How to mount a small file system on the directory `$1`. */
const FILE_SYSTEMS: Readonly<Record<string, string>> = {
  tmpfs: 'mount -t tmpfs -o size=4m none "$1"',
  ext4: 'truncate -s 8M "$1.image" && mkfs.ext4 -q -m 0 "$1.image" && mount -o loop "$1.image" "$1"',
}
/**
 * Who is not root may mount what needs no device, as root of a user namespace, if the machine
 * allows that. The mounts end with the namespace, and that with the process.
 */
const NAMESPACE = process.geteuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-Urm']
/** Blocks of 512 bytes: more than a log's first segment, less than its second. */
const FILE_LIMIT = 'ulimit -f 800'

/** Runs a command after `preparation`, with a new directory as its last argument. */
function run(
  wrapper: readonly string[],
  preparation: string,
  command: readonly string[],
): SpawnSyncReturns<string> {
  const parent = mkdtempSync(join(tmpdir(), 'walv-full-'))
  const directory = mkdtempSync(join(parent, 'mounted-'))
  const shell = ['sh', '-c', `${preparation} && shift && exec "$@"`, 'sh', directory, ...command, directory]
  const [program, ...args] = [...wrapper, ...shell] as [string, ...string[]]
  try {
    return spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 })
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

function play(scene: string, wrapper: readonly string[], preparation: string): void {
  const { status, stderr } = run(wrapper, preparation, [process.execPath, CHILD, scene])
  assert.equal(status, 0, stderr)
}

const mountable = Object.entries(FILE_SYSTEMS).filter(
  ([, mount]) => run(NAMESPACE, mount, ['true']).status === 0,
)

for (const [name, mount] of mountable) {
  for (const scene of Object.keys(SCENES))
    test(`on a full ${name}, ${scene}`, () => play(scene, NAMESPACE, mount))
}

const missing = Object.keys(FILE_SYSTEMS).filter((name) => !mountable.some(([mounted]) => mounted === name))
const untested =
  missing.length > 0 ? ` (this machine does not let us mount ${missing.join(' and ')}: not tested there)` : ''

for (const scene of Object.keys(LIMIT_SCENES)) {
  test(`where files may not grow beyond a limit, ${scene}${untested}`, () => play(scene, [], FILE_LIMIT))
}
