import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type CommittedUnit,
  collect,
  type DurableIndex,
  flat,
  kill,
  openIndex,
  openWal,
  temporaryDirectory,
  until,
  type Wal,
} from '../support/kit.ts'
import { assertPrefixes, prefixFingerprints } from '../support/prefixes.ts'
import { textOf } from './text.ts'

const CHILD = fileURLToPath(new URL('./followed-child.js', import.meta.url))
const KILLS = 10

/** What a tail has told by now, each unit once and in order. */
class Told {
  readonly texts = new Map<number, string>()
  readonly done: Promise<void>
  last = -1

  constructor(wal: Wal, from: number) {
    this.done = this.#read(wal, from)
  }

  async #read(wal: Wal, from: number): Promise<void> {
    for await (const unit of wal.tail({ from })) {
      assert.ok(unit.seq > this.last, `record ${unit.seq} comes after ${this.last}`)
      this.last = unit.seq
      this.texts.set(unit.seq, unitText(unit))
    }
  }
}

const unitText = ({ entries }: CommittedUnit): string => entries.map((entry) => textOf({ entry })).join('\n')

/** The states that a follower shows, each once where it does not change. */
class Seen {
  readonly fingerprints: string[] = []
  #isOver = false

  constructor(follower: DurableIndex) {
    const look = (): void => {
      const fingerprint = follower.fingerprint()
      if (fingerprint !== this.fingerprints.at(-1)) this.fingerprints.push(fingerprint)
      if (!this.#isOver) setImmediate(look)
    }
    look()
  }

  end(): void {
    this.#isOver = true
  }
}

/** A whole transaction or nothing of it; and what the index says of itself. */
function check(follower: DurableIndex): void {
  const [one, two] = [follower.get('t-1'), follower.get('t-2')]
  assert.deepEqual(one?.metadata, two?.metadata)
  assert.equal(follower.size, [...follower.ids()].length)
}

for (const checkpointRetention of [1_000, 1])
  test(`a follower beside writers that are killed ${KILLS} times shows what the log holds, and nothing else, with ${checkpointRetention} checkpoints kept`, async (t) => {
    const directory = join(await temporaryDirectory(t), 'log')
    const writers: ChildProcess[] = []
    t.after(() => Promise.all(writers.map(kill)))
    const begin = async (life: number): Promise<{ child: ChildProcess; opened: string }> => {
      const child = fork(CHILD, [JSON.stringify({ directory, life, checkpointRetention })])
      writers.push(child)
      const [{ opened }] = (await once(child, 'message')) as [{ opened: string }]
      return { child, opened }
    }
    let { child } = await begin(0)
    const follower = await openIndex(t, { directory, index: flat({ dimensions: 2 }), follow: true })
    const log = await openWal(t, { directory, follow: true })
    const seen = new Seen(follower)
    t.after(() => seen.end())
    const told = new Told(log, log.lastSeq + 1)
    for (let life = 1; life <= KILLS; life++) {
      const size = told.texts.size
      for (const end = performance.now() + 150 + 20 * life; performance.now() < end; await delay(10))
        check(follower)
      // A busy machine may have left no writer the time to take a checkpoint and remove a segment.
      const mayEnd = (): boolean => life < KILLS || checkpointRetention > 1 || log.stats().firstSeq > 0
      await until(() => told.texts.size > size && mayEnd())
      await kill(child)
      ;({ child } = await begin(life))
    }
    await kill(child)
    // What the killed writer left uncovered the next one proves.
    const last = await openIndex(t, {
      directory,
      index: flat({ dimensions: 2 }),
      checkpointIntervalEntries: false,
    })
    await until(() => follower.fingerprint() === last.fingerprint())
    check(follower)
    const reader = await openWal(t, { directory, readOnly: true })
    const kept = await collect(reader.replay())
    await until(() => told.last >= kept.at(-1)!.seq)
    let compared = 0
    for (const unit of kept.filter(({ seq }) => told.texts.has(seq))) {
      assert.equal(told.texts.get(unit.seq), unitText(unit))
      compared++
    }
    assert.ok(compared > 0)
    seen.end()
    const isWhole = reader.stats().firstSeq === 0
    assert.equal(isWhole, checkpointRetention > 1)
    if (isWhole) assertPrefixes(seen.fingerprints, await prefixFingerprints(reader.replay()))
    t.diagnostic(
      `${told.texts.size} units were told, ${compared} of them are still kept; ${seen.fingerprints.length} states were seen`,
    )
    await log.close()
    await told.done
  })
