/**
 * The packed tarball in Bun and in Deno: what an index keeps there, and that their lock and Node's
 * exclude each other.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, afterEach, before, test } from 'node:test'
import { install, pack, removeFolder, temporaryFolder } from './installed.ts'
import { ROOT, run } from './nodes.ts'
import { bunProgram, denoProgram, HAS_RUNTIMES } from './runtimes.ts'

type Program = readonly [program: string, ...args: string[]]

const NODE: Program = [process.execPath]
const DENO_PERMISSIONS = ['--allow-read', '--allow-write', '--allow-sys=hostname']

let cwd: string
let bun: Program
let deno: Program
const started: ChildProcess[] = []

before(async () => {
  if (!HAS_RUNTIMES) return
  cwd = await temporaryFolder()
  const [bunPath, denoPath, { tarball }] = await Promise.all([bunProgram(), denoProgram(), pack(cwd)])
  bun = [bunPath]
  deno = [denoPath, 'run', ...DENO_PERMISSIONS, '--allow-ffi']
  await install(cwd, tarball)
  await cp(join(ROOT, 'test/package/consumer'), cwd, { recursive: true })
})

afterEach(async () => {
  for (const child of started.splice(0)) await killed(child)
})

after(() => removeFolder(cwd))

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** What a step of `consumer/runtime.mjs` prints. */
async function printed([program, ...args]: Program, what: string, directory: string): Promise<unknown> {
  const { stdout } = await run(program, [...args, 'runtime.mjs', what, directory], { cwd })
  return JSON.parse(stdout)
}

/** A program that inserts until it is killed; resolves when `count` are acknowledged. */
async function holds([program, ...args]: Program, directory: string, count: number) {
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  const child = spawn(program, [...args, 'runtime.mjs', 'hold', directory], { cwd, stdio })
  started.push(child)
  const acknowledged: string[] = []
  const lines = createInterface(child.stdout!)
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      acknowledged.push(line)
      if (acknowledged.length === count) resolve()
    })
    lines.on('close', () => reject(new Error(`it ended early: ${acknowledged.at(-1)}`)))
  })
  return { child, acknowledged, drained: once(lines, 'close') }
}

async function survives(program: Program, directory: string): Promise<void> {
  const found = await printed(program, 'walk', directory)
  const wanted = { size: 3, nearest: 'a', metadata: { title: 'x' }, second: 'WalError WALV_LOCKED' }
  assert.deepEqual(found, wanted)
}

/**
 * Each way round: one of the two writes, the other is refused; killed, it leaves what was
 * acknowledged, and no lock.
 */
async function excludeEachOther(program: Program, directory: string): Promise<void> {
  for (const [holder, other] of [
    [program, NODE],
    [NODE, program],
    [program, program],
  ] as const) {
    const { child, acknowledged, drained } = await holds(holder, directory, 20)
    const refused = (await printed(other, 'count', directory)) as { error: string; message: string }
    assert.equal(refused.error, 'WalError WALV_LOCKED')
    assert.match(refused.message, new RegExp(`\\b${child.pid}\\b`))
    await killed(child)
    await drained
    const last = Number(JSON.parse(acknowledged.at(-1)!).slice('id-'.length))
    const size = Number(await printed(other, 'count', directory))
    assert.ok(size > last && size <= last + 2, `${last + 1} were acknowledged, ${size} came back`)
  }
}

const options = { skip: !HAS_RUNTIMES && 'for this machine there are no packages of Bun and Deno' }

test('an index survives in Bun, and a second opener there is refused', options, () =>
  survives(bun, './bun-walk'),
)

test('an index survives in Deno, and a second opener there is refused', options, () =>
  survives(deno, './deno-walk'),
)

test('Bun and Node exclude each other, and what is killed leaves what it acknowledged', options, () =>
  excludeEachOther(bun, './bun-hold'),
)

test('Deno and Node exclude each other, and what is killed leaves what it acknowledged', options, () =>
  excludeEachOther(deno, './deno-hold'),
)

test('Deno without the permission to lock refuses to write, and reads', options, async () => {
  await survives(NODE, './no-ffi')
  const without: Program = [deno[0], 'run', ...DENO_PERMISSIONS]
  const refused = (await printed(without, 'count', './no-ffi')) as { error: string; message: string }
  assert.equal(refused.error, 'WalError WALV_LOCK_UNAVAILABLE')
  assert.match(refused.message, /--allow-ffi/)
  assert.equal(await printed([deno[0], 'run', '--allow-read'], 'read', './no-ffi'), 3)
})

test('an index over usearch survives in Bun and in Deno', options, async () => {
  // That of the repository: it is not what is tested.
  await symlink(join(ROOT, 'node_modules/usearch'), join(cwd, 'node_modules/usearch'))
  const wanted = { size: 400, nearest: 'id-7' }
  assert.deepEqual(await printed(bun, 'engine', './bun-engine'), wanted)
  assert.deepEqual(await printed([deno[0], 'run', '-A'], 'engine', './deno-engine'), wanted)
})

test('the command line verifies a log in Bun and in Deno', options, async () => {
  await survives(NODE, './command-line')
  for (const [program, ...args] of [bun, deno]) {
    const words = [...args, 'node_modules/walv/dist/cli/main.js', 'verify', './command-line', '--json']
    const { stdout } = await run(program, words, { cwd })
    assert.match(stdout, /"records":/)
  }
})
