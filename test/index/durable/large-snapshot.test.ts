/** A snapshot that is large enough for other threads to begin with it while the log is read. */
import assert from 'node:assert/strict'
import { open as openFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import {
  type Damage,
  type Disk,
  flat,
  openIndex,
  temporaryDirectory,
  type WalError,
} from '../../support/kit.ts'

const DIMENSIONS = 16_384
const COUNT = 1_100
const FILE = 'vectors.walvflat'

const index = () => flat({ dimensions: DIMENSIONS })

async function written(t: TestContext): Promise<{ directory: string; fingerprint: string; file: string }> {
  const directory = await temporaryDirectory(t)
  const written = await openIndex(t, { directory, index: index(), checkpointIntervalEntries: false })
  const vector = new Float32Array(DIMENSIONS).fill(1)
  const items = Array.from({ length: COUNT }, (_, at) => {
    return { id: `id-${at}`, vector: vector.slice().fill(at + 1, 0, 9) }
  })
  await written.insertMany(items)
  const checkpoint = await written.checkpoint()
  const file = join(directory, 'snapshots', checkpoint!.snapshot!.name, FILE)
  const fingerprint = written.fingerprint()
  await written.close()
  return { directory, fingerprint, file }
}

test('a large snapshot is hashed by another thread while the log is read, and without one just the same', async (t) => {
  const { directory, fingerprint } = await written(t)
  const hashed: string[] = []
  const hash = (path: string) => {
    hashed.push(basename(path))
    return hashed.length === 1 ? nodeDisk.hash!(path) : Promise.reject(new Error('no thread'))
  }
  for (const times of [1, 2]) {
    const opened = await openIndex(t, { directory, index: index(), disk: { ...nodeDisk, hash } })
    assert.equal(opened.fingerprint(), fingerprint)
    assert.equal(opened.recovery.fromSnapshot, COUNT)
    assert.deepEqual(hashed, Array(times).fill(FILE))
    await opened.close()
  }
  // What the thread has found is what counts.
  const disk = { ...nodeDisk, hash: async () => ({ bytes: 0, sha256: '' }) }
  const told = await damageOf(t, directory, disk)
  assert.match(told.find(({ kind }) => kind === 'snapshot')!.detail, /has 0 bytes instead of/)
})

/** What an opening tells of, whether or not it refuses. */
function damageOf(t: TestContext, directory: string, disk: Disk): Promise<readonly Damage[]> {
  return openIndex(t, { directory, index: index(), readOnly: true, disk }).then(
    ({ recovery }) => recovery.damage,
    ({ detail }: WalError) => detail as readonly Damage[],
  )
}

test('what is wrong with a large snapshot is told, whoever hashed it', async (t) => {
  const { directory, file } = await written(t)
  const handle = await openFile(file, 'r+')
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, 50_000_000)
  await handle.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, 50_000_000)
  await handle.close()
  const { hash: _, ...withoutThreads } = nodeDisk
  const told: unknown[] = []
  for (const disk of [nodeDisk, withoutThreads]) {
    const damage = await damageOf(t, directory, disk)
    const bad = damage.find(({ kind }) => kind === 'snapshot')
    assert.match(bad!.detail, /the content of vectors\.walvflat does not match its hash/)
    told.push(damage)
  }
  assert.deepEqual(told[0], told[1])
})
