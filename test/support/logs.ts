import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FRAME_MAGIC } from '../../src/format/frame.ts'
import {
  type CustomEntry,
  type Damage,
  DurableIndex,
  type DurableIndexOptions,
  type InsertEntry,
  type SequenceRange,
  Wal,
  type WalError,
  type WalErrorCode,
  type WalOptions,
  type WalRecord,
} from '../../src/mod.ts'

interface Closable {
  close(): Promise<unknown>
}

const opened = new WeakMap<TestContext, Closable[]>()

/**
 * What a test opens is closed at its end, whatever becomes of it, before its directories are
 * removed.
 */
export function closing<T extends Closable>(t: TestContext, closable: T): T {
  opened.set(t, [...(opened.get(t) ?? []), closable])
  return closable
}

/** A directory that the test's end removes. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'walv-'))
  t.after(async () => {
    for (const closable of opened.get(t) ?? []) await closable.close().catch(() => {})
    await rm(directory, { recursive: true, force: true })
  })
  return directory
}

export const openWal = async (t: TestContext, options: WalOptions): Promise<Wal> =>
  closing(t, await Wal.open(options))

export const openIndex = async (t: TestContext, options: DurableIndexOptions): Promise<DurableIndex> =>
  closing(t, await DurableIndex.open(options))

export const insert = (id: string, vector: readonly number[] = [1, 2, 3]): InsertEntry => ({
  type: 'insert',
  id,
  vector: Float32Array.from(vector),
  metadata: null,
})

/** An insert whose record has about so many bytes. */
export const insertOf = (id: string, bytes: number): InsertEntry => ({
  ...insert(id, []),
  vector: new Float32Array(Math.floor(bytes / 4)).fill(1),
})

/** A custom entry of so many bytes. */
export const customOf = (bytes: number): CustomEntry => ({
  type: 'custom',
  kind: 'large',
  data: new Uint8Array(bytes).fill(7),
})

/** `prefix-0`, `prefix-1` … */
export const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

/** Appends one insert for each id, all in flight at once; resolves to their sequence numbers. */
export const appendAll = (wal: Wal, ids: readonly string[]): Promise<number[]> =>
  Promise.all(ids.map((id) => wal.append(insert(id))))

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

const idOf = ({ entry }: WalRecord): string => ('id' in entry ? entry.id : entry.type)

/** What a log holds: the ids of its data records in their order, the types of the others. */
export const idsIn = async (wal: Wal): Promise<string[]> => (await collect(wal.read())).map(idOf)

/** The same of a log that is opened for it, read-only. */
export async function idsOf(directory: string, options: Partial<WalOptions> = {}): Promise<string[]> {
  await using wal = await Wal.open({ directory, readOnly: true, ...options })
  return await idsIn(wal)
}

/** A log with an insert for each id, closed in order. */
export async function writeLog(
  directory: string,
  ids: readonly string[],
  options: Partial<WalOptions> = {},
): Promise<void> {
  await using wal = await Wal.open({ directory, ...options })
  await appendAll(wal, ids)
}

/** Paths of the segments, in their order. */
export async function segmentsIn(directory: string): Promise<string[]> {
  const found = (await readdir(directory)).filter((name) => name.endsWith('.walv'))
  return found.toSorted().map((name) => join(directory, name))
}

/** Where the frame of an insert begins: 52 bytes and the vector stand before its id. */
export function frameOf(content: Buffer, id: string, dimensions = 3): number {
  const start = (at: number): number => at - 52 - 4 * dimensions
  let at = content.indexOf(id, 1024)
  // A checksum may look like a short id.
  while (at >= 0 && content.indexOf(FRAME_MAGIC, start(at)) !== start(at)) at = content.indexOf(id, at + 1)
  assert.ok(at >= 0, `no frame with the id ${id}`)
  return start(at)
}

/** Changes a file's content: to what is returned, or, if that is nothing, where it stands. */
export async function alter(path: string, change: (content: Buffer) => Buffer | undefined): Promise<void> {
  const content = await readFile(path)
  await writeFile(path, change(content) ?? content)
}

/** What an iterator gives next; fails if nothing comes within 10 s. */
export async function nextOf<T>(iterator: AsyncIterator<T>): Promise<T> {
  const over = new AbortController()
  const tooLong = delay(10_000, undefined, { signal: over.signal })
  try {
    const { value, done } = await Promise.race([
      iterator.next(),
      tooLong.then(() => assert.fail('nothing comes, after 10 s')),
    ])
    assert.ok(!done, 'it has ended')
    return value
  } finally {
    over.abort()
  }
}

/** Waits for what happens by itself; fails if it has not happened within 10 s. */
export async function until(condition: () => boolean): Promise<void> {
  for (const started = performance.now(); !condition(); await delay(5)) {
    if (performance.now() - started > 10_000) throw new Error(`still not so after 10 s: ${condition}`)
  }
}

/** A damage in one line: kind, numbers lost, whether acknowledged. */
export const brief = ({ kind, seqs, acknowledged }: Damage): string =>
  [kind, ...seqs.map(rangeText), String(acknowledged)].join(' ')

const rangeText = ({ from, through }: SequenceRange): string => `${from}..${through}`

/**
 * For `assert.rejects` and `assert.throws`: an error of this code, and of this fate if one is
 * given.
 */
export const refusal =
  (code: WalErrorCode, fate?: WalError['fate']) =>
  (error: unknown): boolean => {
    const { code: found, fate: foundFate, message } = error as WalError
    if (found !== code) throw new Error(`expected ${code}, got ${found}: ${message}`, { cause: error })
    if (fate !== undefined && foundFate !== fate)
      throw new Error(`expected fate ${fate}, got ${foundFate}: ${message}`)
    return true
  }
