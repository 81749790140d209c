/** A log in both formats, whose conversion into the other one is killed. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeDisk, type Transaction, Wal } from '../../src/mod.ts'
import { convertToV1, convertToV2, readV1Directory } from '../../src/v1/mod.ts'
import type { ConvertTask } from './child.ts'
import { recordsIn } from './life.ts'
import { memberOf, steps } from './stream.ts'
import { textOf } from './text.ts'

type What = ConvertTask['do']

const STEPS = 4_000

interface Source {
  readonly directory: string
  /** Of all its files. */
  readonly hash: string
  /** What its conversion holds, record by record. */
  readonly converted: readonly string[]
}

export class Conversion {
  readonly #sources: Readonly<Record<What, Source>>

  private constructor(sources: Readonly<Record<What, Source>>) {
    this.#sources = sources
  }

  static async make(directory: string, seed: number): Promise<Conversion> {
    const [v2, v1, back] = ['v2', 'v1', 'back'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ]
    await writeSource(v2, seed)
    await convertToV1({ from: v2, to: v1 })
    await convertToV2({ from: v1, to: back })
    assert.deepEqual(await entriesIn(back), await entriesIn(v2), 'there and back again gives other records')
    return new Conversion({
      'convert to v1': { directory: v2, hash: await hashOf(v2), converted: await v1Texts(v1) },
      'convert to v2': { directory: v1, hash: await hashOf(v1), converted: await v2Texts(back) },
    })
  }

  task(what: What, to: string): ConvertTask {
    return { do: what, from: this.#sources[what].directory, to }
  }

  /**
   * Checks what a killed conversion left: the source as it was, and in the target a beginning of
   * what it should become; all of it, if it ended.
   */
  async check({ do: what, to }: ConvertTask, ended: boolean): Promise<void> {
    const { directory, hash, converted } = this.#sources[what]
    assert.equal(await hashOf(directory), hash, 'the source has changed')
    const found = !existsSync(to) ? [] : what === 'convert to v1' ? await v1Texts(to) : await v2Texts(to)
    assert.deepEqual(found, converted.slice(0, ended ? converted.length : found.length))
  }
}

/** No transactions within each other, which format v1 cannot hold, and no checkpoint. */
async function writeSource(directory: string, seed: number): Promise<void> {
  await using wal = await Wal.open({ directory, durability: 'os', segmentMaxBytes: 256 * 1024 })
  const stream = steps({ seed, lengths: [1, 100, 1_000], slots: 1 })
  let transaction: Transaction | undefined
  for (let count = 0; count < STEPS || transaction; count++) {
    const step = stream.next().value
    if (step.do === 'begin') transaction = wal.begin()
    else if (step.do === 'add') transaction!.append(memberOf(step)!)
    else if (step.do === 'end') {
      await (step.commits ? transaction!.commit() : transaction!.abort())
      transaction = undefined
    } else await wal.append(memberOf(step)!)
  }
}

async function v1Texts(directory: string): Promise<string[]> {
  const texts: string[] = []
  for await (const { record, damage } of readV1Directory(nodeDisk, directory)) {
    if (record) texts.push(`${record.seq} ${Buffer.from(record.payload).toString('base64')}`)
    else assert.ok(['torn-tail', 'torn-creation'].includes(damage.kind), damage.detail)
  }
  return texts
}

const v2Texts = async (directory: string): Promise<string[]> => (await recordsIn(directory)).map(textOf)

/** The entries alone, without what a conversion notes. */
async function entriesIn(directory: string): Promise<string[]> {
  const records = (await recordsIn(directory)).filter(({ entry }) => entry.type !== 'custom')
  return records.map(({ entry }) => textOf({ entry }))
}

async function hashOf(directory: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(directory)).toSorted())
    hash.update(name).update(await readFile(join(directory, name)))
  return hash.digest('hex')
}
