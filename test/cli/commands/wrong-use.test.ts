import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  alter,
  DurableIndex,
  flat,
  segmentsIn,
  temporaryDirectory,
  type WalErrorCode,
} from '../../support/kit.ts'
import { loadFixture } from '../../v1/helpers.ts'
import { assertRefused, assertUnchanged, jsonLines, MAIN, outcome, walv } from './program.ts'

const V1 = loadFixture('basic_5_inserts').directory

/** A folder with an index of two vectors, as a log, and a file of one more. */
async function someFiles(t: TestContext): Promise<{ folder: string; index: string; vectors: string }> {
  const folder = await temporaryDirectory(t)
  const [index, vectors] = [join(folder, 'index'), join(folder, 'v.jsonl')]
  await writeFile(vectors, '{"id":"c","vector":[5,6]}\n')
  await using durable = await DurableIndex.open({ directory: index, index: flat({ dimensions: 2 }) })
  await durable.batch([{ type: 'insert', id: 'a', vector: [1, 2] }])
  await durable.insert('b', [3, 4])
  return { folder, index, vectors }
}

/** Every command that reads the log in a directory. */
const reading = (directory: string, target: string): string[][] => [
  ['log', directory, '--json'],
  ['log', directory, '--json', '--committed'],
  ['verify', directory, '--json'],
  ['stats', directory, '--json'],
  ['query', directory, 'a', '--json'],
  ['convert', directory, target, '--json'],
]

test('A directory that does not exist is refused by every command that reads it, and not made', async (t) => {
  const { folder } = await someFiles(t)
  await assertUnchanged(folder, async () => {
    for (const args of reading(join(folder, 'none'), join(folder, 'target')))
      await assertRefused(args, 2, 'WALV_NO_DIRECTORY', /There is no directory .*none\. Check the path\./)
  })
})

test('A file in the place of a directory is refused by every command', async (t) => {
  const { folder, index, vectors } = await someFiles(t)
  await assertUnchanged(folder, async () => {
    for (const path of [vectors, join(vectors, 'below')]) {
      const commands = [
        ...reading(path, join(folder, 'target')),
        ['import', vectors, path, '--json'],
        ['convert', V1, path, '--json'],
        ['convert', index, path, '--json'],
        ['demo', '--directory', path],
      ]
      for (const args of commands) await assertRefused(args, 2, 'WALV_NOT_A_DIRECTORY', /v\.jsonl/)
    }
  })
})

test('Where nothing may be made, every command that writes is refused', async (t) => {
  const { folder, index, vectors } = await someFiles(t)
  // No process, whoever runs it, may make a directory there or a file in it.
  const forbidden = '/sys/walv-test'
  await assertUnchanged(folder, async () => {
    for (const args of [
      ['import', vectors, forbidden, '--json'],
      ['import', vectors, '/sys', '--json'],
      ['convert', V1, forbidden, '--json'],
      ['convert', index, forbidden, '--json'],
      ['demo', '--directory', forbidden],
    ])
      await assertRefused(args, 2, 'WALV_PERMISSION', /\/sys/)
  })
})

test('Where the system denies that a directory can be, a writer is refused and does not try for ever', async (t) => {
  const { vectors } = await someFiles(t)
  const child = spawn(process.execPath, [MAIN, 'import', vectors, '/proc/walv-test', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const { code, stdout, stderr } = await outcome(child, 5_000)
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  assert.match(stderr, /^walv: [^\n]+\. \(WALV_(PERMISSION|NO_DIRECTORY)\)\n$/)
})

/** Changes both copies of a segment's header and makes their checksums right. */
async function patchHeader(directory: string, offset: number, value: number): Promise<void> {
  const [segment] = await segmentsIn(directory)
  await alter(segment!, (content) => {
    for (const sector of [content.subarray(0, 512), content.subarray(512, 1024)]) {
      sector.writeUInt32LE(value, offset)
      sector.writeUInt32LE(checksum(sector.subarray(0, 508)), 508)
    }
    return undefined
  })
}

/** CRC-32 as docs/format.md has it, bit by bit. */
function checksum(bytes: Buffer): number {
  let sum = 0xffff_ffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb8_8320 : 0)
  }
  return ~sum >>> 0
}

const NEWER: [what: string, offset: number, value: number, code: WalErrorCode, message: RegExp][] = [
  [
    'A newer format',
    4,
    3,
    'WALV_UNSUPPORTED_VERSION',
    /segment-0000000001\.walv has format version 3; .*Use a newer walv\./,
  ],
  [
    'A feature that is not known',
    12,
    0x8000,
    'WALV_UNSUPPORTED_FEATURE',
    /segment-0000000001\.walv needs features .* \(bits 0x8000\)\. Use a newer walv\./,
  ],
]

for (const [what, offset, value, code, message] of NEWER) {
  test(`${what} is refused by every command, readers and writers, and nothing is touched`, async (t) => {
    const { folder, index, vectors } = await someFiles(t)
    await patchHeader(index, offset, value)
    await assertUnchanged(folder, async () => {
      for (const args of [...reading(index, join(folder, 'target')), ['import', vectors, index, '--json']])
        await assertRefused(args, 2, code, message)
    })
  })
}

test('Files that are not ours are left alone', async (t) => {
  const { index, vectors } = await someFiles(t)
  await mkdir(join(index, 'folder'))
  const foreign = [
    'notes.txt',
    join('folder', 'segment-0000000001.walv'),
    '.hidden',
    'segment-1.walv',
    'wal.log',
  ]
  for (const name of foreign) await writeFile(join(index, name), name)
  const before = await jsonLines(0, 'log', index)
  assert.deepEqual(before.length, 3)
  await jsonLines(0, 'import', vectors, index)
  const [{ verified }] = await jsonLines(0, 'verify', index)
  assert.deepEqual([verified.damage, verified.intact], [0, true])
  for (const name of foreign) assert.equal(await readFile(join(index, name), 'utf8'), name)
})

test('A folder that is named like a segment is told as foreign, and left alone', async (t) => {
  const { index, vectors } = await someFiles(t)
  await mkdir(join(index, 'segment-0000000007.walv'))
  const [{ damage }, { verified }] = await jsonLines(1, 'verify', index)
  assert.deepEqual(
    [damage.kind, damage.file, damage.acknowledged],
    ['foreign', 'segment-0000000007.walv', false],
  )
  assert.equal(verified.records, 3)
  await jsonLines(0, 'import', vectors, index)
})

test('A segment of another log is told as foreign, and no writer goes on beside it', async (t) => {
  const { folder, index, vectors } = await someFiles(t)
  const other = join(folder, 'other')
  // Every opening begins a new segment, so that this one has a number of its own.
  for (let times = 0; times < 3; times++) await jsonLines(0, 'import', vectors, other)
  const [segment] = await segmentsIn(other)
  assert.ok(basename(segment!) > 'segment-0000000001.walv')
  await copyFile(segment!, join(index, basename(segment!)))
  await rm(other, { recursive: true })
  await assertUnchanged(folder, async () => {
    const lines = await jsonLines(1, 'verify', index)
    assert.ok(lines.some(({ damage }) => damage?.kind === 'foreign'))
    await assertRefused(['import', vectors, index, '--json'], 1, 'WALV_DAMAGED', /belongs to another log/)
  })
})

test('A v1 directory is refused by what needs a v2 log, with the command that converts it, and nothing is touched', async (t) => {
  const { vectors } = await someFiles(t)
  await assertUnchanged(V1, async () => {
    for (const args of [
      ['stats', V1, '--json'],
      ['query', V1, 'a', '--json'],
      ['import', vectors, V1, '--json'],
    ])
      await assertRefused(
        args,
        2,
        'WALV_V1_DIRECTORY',
        /holds a log of format v1\. Convert it first: npx walv convert /,
      )
  })
})

test('An unknown command, option or choice is refused, with what may be meant', async () => {
  await assertRefused(
    ['imprt'],
    2,
    'WALV_USAGE',
    /There is no command "imprt"\. Did you mean `walv import`\?/,
  )
  for (const name of [
    'demo',
    'log',
    'verify',
    'doctor',
    'repair',
    'stats',
    'import',
    'query',
    'checkpoint',
    'convert',
  ]) {
    await assertRefused([name, '--nonsense'], 2, 'WALV_USAGE', /There is no option --nonsense\. See `walv/)
  }
  await assertRefused(['log', 'x', '--jsno'], 2, 'WALV_USAGE', /Did you mean --json\?/)
  await assertRefused(
    ['query', 'x', 'a', '--metric', 'l3'],
    2,
    'WALV_USAGE',
    /--metric is one of cosine, l2, ip, not "l3"/,
  )
})

test('An argument that is missing, empty or one too many is refused', async () => {
  for (const name of ['log', 'verify', 'doctor', 'repair', 'stats', 'query']) {
    for (const args of [[], ['']])
      await assertRefused([name, ...args], 2, 'WALV_USAGE', /DIRECTORY is missing\./)
    await assertRefused([name, 'a', 'b', 'c'], 2, 'WALV_USAGE', /is one argument too many/)
  }
  await assertRefused(['import', 'v.npy'], 2, 'WALV_USAGE', /DIRECTORY is missing\./)
  await assertRefused(['convert', '', 'x'], 2, 'WALV_USAGE', /FROM is missing\./)
  await assertRefused(['convert', 'x'], 2, 'WALV_USAGE', /TO is missing\./)
  await assertRefused(['demo', 'x'], 2, 'WALV_USAGE', /"x" is one argument too many/)
})

test('Without a command the help is shown, and the exit code is 2; asked for, 0', async () => {
  const help = await walv('--help')
  assert.deepEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: '' })
  const bare = await walv()
  assert.deepEqual({ ...bare, peakBytes: 0 }, { ...help, code: 2, peakBytes: 0 })
  for (const name of [
    'demo',
    'log',
    'verify',
    'doctor',
    'repair',
    'stats',
    'import',
    'query',
    'checkpoint',
    'convert',
  ]) {
    assert.ok(help.stdout.includes(`\n  ${name.padEnd(10)}  `), name)
    const { code, stdout, stderr } = await walv(name, '--help')
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.match(stdout, new RegExp(`^walv ${name}: [^]*?\\n\\nUsage: walv ${name} `))
    for (const line of (help.stdout + stdout).split('\n')) assert.ok(line.length <= 80, line)
  }
})

test('The version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../../../package.json', import.meta.url), 'utf8'))
  for (const option of ['--version', '-v']) {
    const { code, stdout, stderr } = await walv(option)
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${version}\n`, stderr: '' })
  }
})

test('Standard output that cannot be written is an error in a sentence', async (t) => {
  const { index } = await someFiles(t)
  const child = spawn('bash', ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, MAIN, 'log', index], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const { code, stderr } = await outcome(child)
  assert.equal(code, 1)
  assert.match(stderr, /^walv: What was asked for cannot be written: ENOSPC.*\. \(WALV_IO\)\n$/)
})
