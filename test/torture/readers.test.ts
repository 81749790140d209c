import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type Disk,
  flat,
  nodeDisk,
  openIndex,
  temporaryDirectory,
  Wal,
  type WalError,
} from '../support/kit.ts'
import { Life } from './life.ts'
import { textOf } from './text.ts'
import { type Aim, Victim } from './victim.ts'
import type { WorkTask } from './work.ts'

const taskFor = (directory: string, seed: number): WorkTask => ({
  do: 'work',
  directory,
  diet: { seed, lengths: [500, 1_000, 3_000], slots: 4 },
  window: 64,
  checkpoints: true,
  durability: 'commit',
  segmentMaxBytes: 64 * 1024,
  checkpointRetention: 1,
})

const KILL: Aim = { line: '+retention', time: 10, delayMs: 1, patienceMs: 30_000 }

/** What readers have seen, by sequence number: every later one must see the same. */
class Seen {
  opened = 0
  #end = 0
  readonly #texts = new Map<number, string>()

  /**
   * Opens a log beside its writer and reads it; fails if it is not what was seen before, and more.
   */
  async look(directory: string): Promise<void> {
    const wal = await Wal.open({ directory, readOnly: true })
    this.opened++
    assert.deepEqual(
      wal.recovery.damage.filter(({ acknowledged }) => acknowledged !== false),
      [],
    )
    let expected = wal.stats().firstSeq
    assert.ok(
      wal.lastSeq + 1 >= this.#end,
      `the log ends at ${wal.lastSeq}, and has ended at ${this.#end - 1}`,
    )
    this.#end = wal.lastSeq + 1
    try {
      for await (const record of wal.read()) {
        assert.equal(record.seq, expected++)
        const before = this.#texts.get(record.seq)
        if (before === undefined) this.#texts.set(record.seq, textOf(record))
        else assert.equal(textOf(record), before)
      }
      assert.equal(expected, wal.lastSeq + 1)
    } catch (error) {
      // What is read may be let go meanwhile; that is said.
      if ((error as WalError).code !== 'WALV_SEQUENCE_TRIMMED') throw error
    }
  }

  check(records: readonly (string | undefined)[]): void {
    for (const [seq, text] of this.#texts) assert.equal(text, records[seq] ?? text)
    assert.ok(this.#end <= records.length)
  }
}

test('readers beside a writer that rotates and lets go of segments, and is killed and opened again, never fail and never see anything but a beginning of its log', async (t) => {
  const life = new Life(join(await temporaryDirectory(t), 'log'))
  const seen = new Seen()
  for (let time = 0; time < 4 || seen.opened < 20; time++) {
    const victim = new Victim()
    t.after(() => victim.dispose())
    const task = taskFor(life.directory, 100 + time)
    let running = true
    const run = victim.run(task, KILL).finally(() => {
      running = false
    })
    while (running) {
      if (victim.told.opened) await seen.look(life.directory)
      else await new Promise(setImmediate)
    }
    const { told } = await run
    assert.ok(told.begun.get('retention')! >= KILL.time)
    await life.check(task, told)
    seen.check(life.oracle.records)
  }
})

test('an index that is opened read-only while the snapshot it starts from is let go starts from the next one', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const options = { directory, checkpointIntervalEntries: false, checkpointRetention: 1 } as const
  const writer = await openIndex(t, { ...options, index: flat({ dimensions: 1 }) })
  await writer.insert('first', [1])
  await writer.checkpoint()
  let opened = 0
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      // Opened once to be verified, and then to be loaded: in between the writer takes the next
      // checkpoint.
      if (path.endsWith('catalog.walvids') && ++opened === 2) {
        await writer.insert('second', [2])
        await writer.checkpoint()
      }
      return nodeDisk.open(path, mode)
    },
  }
  const reader = await openIndex(t, { ...options, disk, readOnly: true, index: flat({ dimensions: 1 }) })
  assert.ok(opened > 2 && reader.has('first'))
})
