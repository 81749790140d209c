/** A copy of a log, damaged in its records, whose repair is killed until one comes to its end. */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Damage, type InsertEntry, Wal, type WalError, type WalRecord } from '../../src/mod.ts'
import type { Random } from '../../src/testing/random.ts'
import { type Life, openIndex, recordsIn } from './life.ts'
import type { Oracle } from './oracle.ts'
import { textOf } from './text.ts'

export class DamagedLog {
  readonly directory: string
  readonly #oracle: Oracle
  readonly #lost: ReadonlySet<number>
  /** Damaged files, as they are, by name. */
  readonly #files: ReadonlyMap<string, Buffer>

  private constructor(
    directory: string,
    oracle: Oracle,
    lost: ReadonlySet<number>,
    files: ReadonlyMap<string, Buffer>,
  ) {
    this.directory = directory
    this.#oracle = oracle
    this.#lost = lost
    this.#files = files
  }

  /** Undefined if the log has no record that could be damaged. */
  static async make(life: Life, directory: string, random: Random): Promise<DamagedLog | undefined> {
    await life.settle()
    await cp(life.directory, directory, { recursive: true })
    const stamped = (await recordsIn(directory)).filter((record) => stampOf(record) !== undefined)
    if (stamped.length === 0) return undefined
    const victims = random.shuffle(stamped).slice(0, 1 + random.below(3))
    const files = await destroy(directory, victims, random)
    const lost = new Set(victims.map(({ seq }) => seq))
    const damaged = new DamagedLog(directory, life.oracle, lost, files)
    assert.equal(await damaged.isRepaired(), false)
    return damaged
  }

  /**
   * Checks what a killed repair left: everything that was not destroyed is there, what was
   * destroyed is named, and a copy of it is kept before it goes.
   */
  async check(): Promise<void> {
    const wal = await Wal.open({ directory: this.directory, readOnly: true, recovery: 'salvage' })
    const lost = [...numbers(wal.recovery.damage), ...wal.recovery.gaps.flatMap(rangeNumbers)]
    assert.deepEqual(new Set(lost), this.#lost, 'what is named as lost is not what was destroyed')
    let expected = wal.stats().firstSeq
    for await (const record of wal.read()) {
      while (this.#lost.has(expected)) expected++
      if (record.entry.type === 'gap') continue
      assert.equal(record.seq, expected++, 'a record that was not destroyed is missing')
      assert.equal(textOf(record), this.#oracle.records[record.seq], `record ${record.seq} has changed`)
    }
    while (this.#lost.has(expected)) expected++
    assert.equal(expected, this.#oracle.records.length, 'the end is missing')
    await this.#checkCopies()
    await this.#checkIndex()
  }

  /** Whether a strict opening takes it. If not, the refusal names exactly what was destroyed. */
  async isRepaired(): Promise<boolean> {
    try {
      await using wal = await Wal.open({ directory: this.directory, readOnly: true })
      assert.deepEqual(new Set(wal.recovery.gaps.flatMap(rangeNumbers)), this.#lost)
      return true
    } catch (error) {
      const { code, detail } = error as WalError
      if (code !== 'WALV_DAMAGED') throw error
      const still = numbers(detail as Damage[])
      assert.ok(still.length > 0)
      for (const seq of still)
        assert.ok(this.#lost.has(seq), `record ${seq} is said to be lost, and was not destroyed`)
      return false
    }
  }

  /** Repairs what is not repaired yet, and opens it as anybody would: it stays what it is. */
  async settle(): Promise<void> {
    if (!(await this.isRepaired())) await (await openIndex(this.directory, { recovery: 'repair' })).close()
    await (await openIndex(this.directory)).close()
    assert.ok(await this.isRepaired(), 'a repair that came to its end has not repaired')
    await this.check()
  }

  async #checkCopies(): Promise<void> {
    const folder = join(this.directory, 'quarantine')
    const copies = await Promise.all(
      (await readdir(folder).catch(() => [])).map((name) => readFile(join(folder, name))),
    )
    for (const [name, content] of this.#files) {
      const now = await readFile(join(this.directory, name)).catch(() => undefined)
      const isKept = now?.equals(content) || copies.some((copy) => copy.equals(content))
      assert.ok(isKept, `${name} was written anew, and there is no copy of what it was`)
    }
  }

  async #checkIndex(): Promise<void> {
    await using index = await openIndex(this.directory, { readOnly: true, recovery: 'salvage' })
    this.#oracle.checkIndexWithout(this.#lost, index.recovery.snapshotSeq ?? -1, index)
  }
}

/** Text that a record has and no other; only of records that take effect by themselves. */
function stampOf({ entry, transactionId }: WalRecord): string | undefined {
  if (transactionId !== undefined) return undefined
  const entries = entry.type === 'batch' ? entry.entries : [entry]
  const insert = entries.find((each): each is InsertEntry => each.type === 'insert')
  return insert && `"${(insert.metadata as { stamp: string }).stamp}"`
}

/** Flips a bit in each of these records. Returns the damaged files. */
async function destroy(
  directory: string,
  victims: readonly WalRecord[],
  random: Random,
): Promise<Map<string, Buffer>> {
  const segments = await segmentsIn(directory)
  const files = new Map<string, Buffer>()
  for (const victim of victims) {
    const stamp = stampOf(victim)!
    // What was written again in a later file counts there.
    const segment = segments.findLast(({ content }) => content.includes(stamp))
    assert.ok(segment, 'a record that is read stands in no file')
    segment.content[segment.content.indexOf(stamp) + random.below(3)]! ^= 1 << random.below(8)
    files.set(segment.name, segment.content)
  }
  for (const [name, content] of files) await writeFile(join(directory, name), content)
  return files
}

async function segmentsIn(directory: string): Promise<{ name: string; content: Buffer }[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.walv')).toSorted()
  return Promise.all(names.map(async (name) => ({ name, content: await readFile(join(directory, name)) })))
}

const numbers = (damage: readonly Damage[]): number[] =>
  damage.flatMap(({ seqs }) =>
    seqs.flatMap(({ from, through }) => rangeNumbers({ from: Number(from), through: Number(through) })),
  )

const rangeNumbers = ({ from, through }: { from: number; through: number }): number[] =>
  Array.from({ length: through - from + 1 }, (_, index) => from + index)
