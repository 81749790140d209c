import assert from 'node:assert/strict'
import type { JsonValue } from '../../../src/entry.ts'
import { decodeMetadata } from '../../../src/format/metadata.ts'
import { CATALOG_FILE } from '../../../src/index/durable/catalog-file.ts'
import { IndexState, type SavedState } from '../../../src/index/durable/index-state.ts'
import { SNAPSHOT_FILE } from '../../../src/index/flat/flat-snapshot.ts'
import type { SnapshotReader } from '../../../src/index/vector-index.ts'
import type { SnapshotWriter } from '../../../src/log/log.ts'
import { flat, type Metric } from '../../../src/mod.ts'
import type { Random } from '../../../src/testing/random.ts'
import { fileParts, mutateFiles, pack, unpack } from '../files.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { orCode, type Target, Words } from '../target.ts'

const INFO_FILE = 'info.json'
const METRICS: readonly Metric[] = ['cosine', 'l2', 'ip']
/** So that fields lie across pieces. */
const PIECE_BYTES = 101

/**
 * The files of an index's snapshot, as if their hashes were right, and what the checkpoint says of
 * the index.
 */
export const snapshot: Target = {
  name: 'snapshot',
  seeds: () => Promise.all([saved(0, 'cosine', 2), saved(3, 'l2', 5), saved(2, 'ip', 0), saved(1, 'ip', 30)]),
  mutate: (random, input, other) =>
    mutateFiles(random, input, other, random.chance(0.5) ? mutateBytes : mutateJson),
  parts: fileParts,
  async run(input) {
    const words = new Words()
    const folder = new Folder(unpack(input).map(({ name, bytes }) => [name, bytes]))
    if (![CATALOG_FILE, SNAPSHOT_FILE, INFO_FILE].every((name) => folder.files.has(name))) return words
    const info = decodeMetadata(Buffer.from(folder.files.get(INFO_FILE)!)) ?? null
    const state = new IndexState(flat(optionsIn(info)))
    const code = await orCode(['WALV_INDEX_MISMATCH', 'WALV_DAMAGED'], () =>
      state.load(folder, saving(folder, info)),
    )
    assert.equal(folder.readers, 0, 'files are left open')
    words.add(code ?? 'loaded', state.index.size > 0, state.catalog.size > 0)
    if (code !== undefined) return words
    assert.equal(state.index.size, state.catalog.size)
    const { size, dimensions } = state.index
    assert.equal(
      folder.files.get(SNAPSHOT_FILE)!.length,
      32 + size * (8 + 4 * dimensions),
      'bytes were left over',
    )
    const again = new IndexState(flat(optionsIn(info)))
    const copy = new Folder(await filesOf(state))
    await again.load(copy, saving(copy, info))
    assert.equal(again.fingerprint.value, state.fingerprint.value)
    return words
  },
}

const saving = ({ files }: Folder, info: JsonValue): SavedState => ({
  info,
  files: Array.from(files.keys(), (name) => ({ name })),
  seq: 1_000,
})

const JSON_TOKEN = /[[\]{}:,]|"(?:[^"\\]|\\.)*"|[^\s[\]{}:,"]+/g
const JSON_VALUES = [
  'null',
  '-1',
  '0',
  '1e999',
  '9007199254740993',
  '""',
  '"id 0 🎉"',
  '"\\ud800"',
  '[]',
  '{}',
  'true',
  '{"__proto__":[]}',
]

/** Puts another value in the place of one, so that the text is still JSON, more often than not. */
function mutateJson(random: Random, bytes: Buffer): Buffer {
  const text = bytes.toString('utf8')
  const tokens = [...text.matchAll(JSON_TOKEN)].filter(([token]) => token.length > 1 || /\w/.test(token))
  if (tokens.length === 0) return bytes
  const { index, 0: token } = random.pick(tokens)
  const deep = random.pick([10, 1_000, 10_000])
  const value = random.chance(0.1) ? '['.repeat(deep) + ']'.repeat(deep) : random.pick(JSON_VALUES)
  return Buffer.from(text.slice(0, index) + value + text.slice(index + token.length))
}

/** Files in memory, read in short pieces that are overwritten once the next is asked for. */
class Folder implements SnapshotReader, SnapshotWriter {
  readonly files: Map<string, Uint8Array>
  readers = 0

  constructor(files: Iterable<readonly [string, Uint8Array]>) {
    this.files = new Map(files)
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(this.files.get(name)!)
    this.readers++
    try {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES)
        yield piece
        piece.fill(0xee)
      }
    } finally {
      this.readers--
    }
  }

  async write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const copies: Uint8Array[] = []
    for await (const piece of pieces) copies.push(new Uint8Array(piece))
    this.files.set(name, new Uint8Array(Buffer.concat(copies)))
  }

  path(name: string): string {
    throw new Error(`a flat index writes no file itself: ${name}`)
  }
}

/**
 * The options that the snapshot asks for, if an index can have them: else its files are never
 * looked at.
 */
function optionsIn(info: JsonValue): { dimensions: number; metric: Metric; allowNonFinite: boolean } {
  const { dimensions, metric } = (info ?? {}) as { dimensions?: unknown; metric?: unknown }
  const usable = typeof dimensions === 'number' && [0, 1, 2, 3, 4].includes(dimensions)
  return {
    dimensions: usable ? dimensions : 0,
    metric: METRICS.find((name) => name === metric) ?? 'cosine',
    allowNonFinite: true,
  }
}

async function saved(dimensions: number, metric: Metric, count: number): Promise<Buffer> {
  const state = new IndexState(flat({ dimensions, metric, allowNonFinite: true }))
  const metadataOf = (n: number): JsonValue => (n % 3 === 0 ? null : { n, list: [1, 'é\n', { deep: [] }] })
  for (let n = 0; n < count; n++) {
    const vector = new Float32Array(dimensions).fill(n / 2)
    state.apply({ seq: n, entries: [{ type: 'insert', id: `id ${n} 🎉`, vector, metadata: metadataOf(n) }] })
  }
  state.apply({ seq: count, entries: [{ type: 'delete', id: 'id 1 🎉' }] })
  const files = await filesOf(state)
  files.set(INFO_FILE, Buffer.from(JSON.stringify(state.freeze().info)))
  return pack([...files].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes), sealed: false })))
}

async function filesOf(state: IndexState): Promise<Map<string, Uint8Array>> {
  const folder = new Folder([])
  const frozen = state.freeze()
  await frozen.save(folder)
  frozen.release()
  return folder.files
}
