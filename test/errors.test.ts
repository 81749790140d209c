/** Every code, provoked for real; and a heading for each in the page that explains them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { loadPeer } from '../src/adapters/peer.ts'
import { parseCommand } from '../src/cli/args.ts'
import { openVectorFile } from '../src/cli/import/index.ts'
import { defineCommand } from '../src/cli/spec.ts'
import { nativeLock } from '../src/disk/native-lock.ts'
import { FRAME_TYPES } from '../src/format/frame.ts'
import { openLog } from './replicated/nodes.ts'
import {
  alter,
  craftSegment,
  customOf,
  FailingDisk,
  flat,
  frameOf,
  insert,
  insertOf,
  MAX_SEQUENCE,
  openIndex,
  openWal,
  SimulatedEngine,
  segmentsIn,
  temporaryDirectory,
  Wal,
  WalError,
  type WalErrorCode,
  type WalOptions,
  writeLog,
} from './support/kit.ts'
import { files, segment } from './v1/helpers.ts'

/** Does what ends in the error. */
type Scenario = (open: Open) => Promise<unknown>

interface Open {
  readonly directory: string
  readonly disk: FailingDisk
  /** The log in the directory. */
  readonly wal: (options?: Partial<WalOptions>) => Promise<Wal>
  readonly index: (dimensions?: number) => ReturnType<typeof openIndex>
}

const SEGMENT = /segment-\d+\.walv$/
const any = (value: unknown): never => value as never

/** Sets a number in both copies of a segment's header, and makes their sums right again. */
const setInHeader = (path: string, at: number, value: number): Promise<void> =>
  alter(path, (content) => {
    for (const copy of [0, 512]) {
      content.writeUInt32LE(value, copy + at)
      content.writeUInt32LE(crc32(content.subarray(copy, copy + 508)), copy + 508)
    }
    return content
  })

const scenarios: Record<WalErrorCode, Scenario> = {
  WALV_INVALID_OPTION: ({ wal }) => wal({ segmentMaxBytes: 1 }),
  WALV_INVALID_ENTRY: async ({ wal }) => (await wal()).append(any({ type: 'unknown' })),
  WALV_INVALID_ID: async ({ wal }) => (await wal()).append(insert('')),
  WALV_INVALID_VECTOR: async ({ index }) => (await index()).insert('a', [1, Number.NaN, 3]),
  WALV_INVALID_METADATA: async ({ index }) => (await index()).insert('a', [1, 2, 3], any(new Date())),
  WALV_LIMIT: async ({ wal }) => (await wal()).append(insert('x'.repeat(70_000))),
  WALV_DUPLICATE_ID: async ({ index }) => {
    const opened = await index()
    await opened.insert('a', [1, 2, 3])
    await opened.insert('a', [1, 2, 3])
  },
  WALV_NOT_FOUND: async ({ index }) => (await index()).update('a', { metadata: 1 }),
  WALV_CONFLICT: async ({ index }) => {
    const opened = await index()
    await opened.transaction(async (transaction) => {
      transaction.insert('a', [1, 2, 3])
      await opened.insert('a', [1, 2, 3])
    })
  },
  WALV_CLOSED: async ({ wal }) => {
    const opened = await wal()
    await opened.close()
    await opened.append(insert('a'))
  },
  WALV_READ_ONLY: async ({ wal }) => (await wal({ readOnly: true })).append(insert('a')),
  WALV_LOCKED: async ({ wal }) => {
    await wal()
    await wal()
  },
  WALV_LOCK_UNAVAILABLE: () => nativeLock({ versions: { bun: '1.3.9' }, platform: 'linux', arch: 'x64' }),
  WALV_LOCK_LOST: async ({ wal, directory }) => {
    const opened = await wal()
    await rename(directory, `${directory}-elsewhere`)
    await opened.append(customOf(1_000_000)).finally(() => rename(`${directory}-elsewhere`, directory))
  },
  WALV_POISONED: async ({ wal, disk }) => {
    const opened = await wal()
    disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
    await opened.append(insert('a')).catch(() => {})
    await opened.append(insert('b'))
  },
  WALV_IO: async ({ wal, disk }) => {
    const opened = await wal()
    disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
    await opened.append(insert('a'))
  },
  WALV_DISK_FULL: async ({ wal, disk }) => {
    const opened = await wal()
    disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC' })
    await opened.append(insert('a'))
  },
  WALV_BACKPRESSURE: async ({ wal }) => {
    const opened = await wal({ maxPendingBytes: 1024 })
    await Promise.all([opened.append(insertOf('a', 1000)), opened.append(insertOf('b', 1000))])
  },
  WALV_DAMAGED: async ({ directory, wal }) => {
    await writeLog(directory, ['a', 'b'])
    await alter((await segmentsIn(directory))[0]!, (content) => content.fill(0, frameOf(content, 'a'), 1100))
    await wal()
  },
  WALV_NO_DIRECTORY: ({ directory }) => Wal.open({ directory: join(directory, 'none'), readOnly: true }),
  WALV_NOT_A_DIRECTORY: async ({ directory }) => {
    await writeFile(join(directory, 'file'), '')
    await Wal.open({ directory: join(directory, 'file') })
  },
  WALV_NOT_A_FILE: async ({ directory, wal }) => {
    await mkdir(join(directory, 'LOCK'))
    await wal()
  },
  WALV_PERMISSION: async ({ wal, disk }) => {
    disk.fail({ operation: 'lock', code: 'EACCES' })
    await wal()
  },
  WALV_UNSUPPORTED_VERSION: async ({ directory, wal }) => {
    await setInHeader(await craftSegment(directory, []), 4, 3)
    await wal()
  },
  WALV_UNSUPPORTED_FEATURE: async ({ directory, wal }) => {
    await setInHeader(await craftSegment(directory, []), 12, 0x8000_0000)
    await wal()
  },
  WALV_V1_DIRECTORY: async ({ directory, wal }) => {
    for (const [name, content] of Object.entries(files(segment(0, 1))))
      await writeFile(join(directory, name), content)
    await wal()
  },
  WALV_FOREIGN_LOG: async ({ directory, wal }) => {
    await (await wal()).close()
    await copyFile(join(directory, 'segment-0000000001.walv'), join(directory, 'segment-0000000009.walv'))
    await wal({ recovery: 'salvage' })
  },
  WALV_SEQUENCE_TRIMMED: async ({ wal }) => {
    const opened = await wal({ checkpointRetention: 1 })
    await opened.append(insertOf('fills-the-first', 240_000))
    await opened.append(insertOf('in-the-second', 60_000))
    await opened.checkpoint({ seq: 1, snapshot: async () => null })
    opened.read({ from: 0 })
  },
  WALV_SEQUENCE_EXHAUSTED: async ({ directory, wal }) => {
    const gap = Buffer.alloc(8)
    gap.writeBigUInt64LE(BigInt(MAX_SEQUENCE - 1))
    await craftSegment(directory, [{ type: FRAME_TYPES.gap, payload: gap }])
    const opened = await wal()
    assert.equal(await opened.append(insert('last')), MAX_SEQUENCE)
    await opened.append(insert('one-more'))
  },
  WALV_TRANSACTION_ENDED: async ({ wal }) => {
    const transaction = (await wal()).begin()
    await transaction.commit()
    await transaction.commit()
  },
  WALV_CHECKPOINT: async ({ wal }) => (await wal()).checkpoint({ seq: 7, snapshot: async () => null }),
  WALV_INDEX_MISMATCH: async ({ index }) => {
    const opened = await index()
    await opened.insert('a', [1, 2, 3])
    await opened.close()
    await index(4)
  },
  WALV_ENGINE: async () => loadPeer({ adapter: 'none', name: 'no-such-engine', version: '1.0.0' }),
  WALV_ABORTED: async ({ directory, wal }) => {
    await writeLog(directory, ['a'])
    await wal({ signal: AbortSignal.abort() })
  },
  WALV_INVALID_FILE: async ({ directory }) => {
    await writeFile(join(directory, 'vectors.npy'), '\x93NUMPY')
    await openVectorFile(join(directory, 'vectors.npy'))
  },
  WALV_UNAVAILABLE: () => {
    const engine = new SimulatedEngine()
    engine.hasQuorum = false
    return openLog(engine)
  },
  WALV_DIVERGED: async () => {
    const engine = new SimulatedEngine()
    const one = await openLog(engine, { fingerprint: () => 'one' })
    const other = await openLog(engine, { fingerprint: () => 'other' })
    await one.append(insert('a'))
    await one.checkpoint({ seq: 0, snapshot: async () => null })
    try {
      for (;;) await other.append(insert('b'))
    } finally {
      await Promise.all([one.close(), other.close()])
    }
  },
  WALV_USAGE: async () =>
    parseCommand(defineCommand({ name: 'x', summary: '', positionals: {}, options: {} }), ['--unknown']),
}

async function provoke(t: TestContext, scenario: Scenario): Promise<unknown> {
  const directory = join(await temporaryDirectory(t), 'log')
  await mkdir(directory)
  const disk = new FailingDisk()
  return scenario({
    directory,
    disk,
    wal: (options = {}) => openWal(t, { directory, disk, ...options }),
    index: (dimensions = 3) => openIndex(t, { directory, disk, index: flat({ dimensions }) }),
  }).then(
    () => undefined,
    (error) => error,
  )
}

for (const [code, scenario] of Object.entries(scenarios)) {
  test(`${code} is what it says`, async (t) => {
    const error = await provoke(t, scenario)
    assert.ok(error instanceof WalError, `${(error as Error)?.stack}`)
    assert.equal(error.code, code, error.message)
    assert.ok(error.message.split(' ').length > 4, error.message)
  })
}

test('the page of errors has a heading for every code and for no other, each with what happened and what to do', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const sections = page.split(/^## /m).slice(1)
  const headings = sections.map((section) => section.slice(0, section.indexOf('\n')).replaceAll('`', ''))
  const codes = headings.filter((heading) => heading.startsWith('WALV_'))
  assert.deepEqual(codes.toSorted(), Object.keys(scenarios).toSorted())
  for (const section of sections.filter((each) => each.startsWith('`WALV_'))) {
    assert.match(section, /\n\n\S.{30,}\n\n\*\*What to do\.\*\* .{20,}/s, section.slice(0, 40))
  }
})
