/**
 * An index that follows, beside a writer that checkpoints, closes, dies and is succeeded. Whatever
 * the follower shows is the state after a beginning of the log, in its order, and every log that a
 * power cut leaves begins with it: it was durable.
 */
import assert from 'node:assert/strict'
import { type Disk, type Durability, DurableIndex, flat, Wal, type WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { assertPrefixes, prefixFingerprints } from '../support/prefixes.ts'
import { Process } from './process.ts'
import { flow, timeNow } from './virtual-time.ts'
import { DIRECTORY, seedOf, type Work, type Workload } from './workload.ts'

const DIMENSIONS = 2
const MAX_STEP_MS = 20_000
/** Longer than an idle writer waits to say what is durable, and a follower to look. */
const CALM_MS = 1_500

/** The fingerprints that were shown, newest first. Immutable. */
interface Shown {
  readonly fingerprint: string
  readonly before: Shown | undefined
}

export const followingWorkload = (name: string): Workload => ({
  name,
  steps: 9,
  everySeeds: 1,
  create: followingWork,
})

/** How a log is kept; some let go of what is behind a checkpoint. */
interface Keeping {
  readonly durability: Durability
  readonly checkpointRetention: number
}

const LEVELS: readonly Durability[] = ['commit', 'os', { intervalMs: 40 }]

export function followingWork(seed: number): Work<Shown | undefined> {
  const random = new Random(seed)
  const durability = random.pick([...LEVELS])
  const keeping = { durability, checkpointRetention: random.chance(0.7) ? 1_000 : 1 }
  return {
    disk: { maxLatencyTurns: seed % 3 },
    statesPerCut: 2,
    async run(disk, witness, steps) {
      const work = new Following(disk, witness, keeping)
      await work.begin()
      for (const step of steps) await work.step(new Random(seedOf(seed, step)), step)
      await work.end()
    },
    verify: (disk, shown) => flowing('what was left is followed', afterCut(disk, shown, keeping)),
  }
}

const flowing = (what: string, work: Promise<unknown>, look = (): void => {}): Promise<void> =>
  flow(MAX_STEP_MS, what, work, look)

const openIndex = (disk: Disk, keeping: Keeping, follow = false): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: DIRECTORY,
    disk,
    clock: timeNow,
    index: flat({ dimensions: DIMENSIONS }),
    checkpointIntervalEntries: false,
    segmentMaxBytes: 64 * 1024,
    follow,
    ...keeping,
  })

/** A follower sees what is left before anybody has recovered it, and goes on with who does. */
async function afterCut(disk: SimulatedDisk, shown: Shown | undefined, keeping: Keeping): Promise<void> {
  const early = await openIndex(disk, keeping, true).catch((error: WalError) => {
    // Cut before the directory was there.
    assert.equal(error.code, 'WALV_NO_DIRECTORY')
    return undefined
  })
  // It knows less than one before may have seen: a promise may be lost that told what is durable.
  const seenEarly = early && { fingerprint: early.fingerprint(), before: undefined }
  const successor = await openIndex(disk, keeping)
  await successor.upsert('after', [1, 2], {})
  await needPrefixes(disk, shown, keeping)
  await needPrefixes(disk, seenEarly, keeping)
  if (early) {
    await needSame(early, successor)
    await early.close()
  }
  await successor.close()
}

async function needSame(follower: DurableIndex, writer: DurableIndex): Promise<void> {
  await writer.flush()
  for (let patience = 200; follower.fingerprint() !== writer.fingerprint(); patience--) {
    assert.ok(patience > 0, `the follower has ${follower.size} ids and does not come to what its writer has`)
    await new Promise((resolve) => setTimeout(resolve, CALM_MS / 50))
  }
}

/** Everything that was shown is the state after a beginning of the log, in its order. */
async function needPrefixes(disk: SimulatedDisk, shown: Shown | undefined, keeping: Keeping): Promise<void> {
  const wanted: string[] = []
  for (let each = shown; each; each = each.before) wanted.unshift(each.fingerprint)
  const prefixes = await prefixesOf(disk)
  // What retention has let go of cannot be told any more.
  if (prefixes === undefined) return assert.equal(keeping.checkpointRetention, 1)
  assertPrefixes(wanted, prefixes)
}

/** The fingerprints after each beginning of the log; undefined where its beginning is gone. */
async function prefixesOf(disk: SimulatedDisk): Promise<string[] | undefined> {
  const wal = await Wal.open({ directory: DIRECTORY, disk: disk.kill(), readOnly: true })
  return wal.stats().firstSeq > 0 ? undefined : prefixFingerprints(wal.replay())
}

class Following {
  readonly #disk: SimulatedDisk
  readonly #witness: (shown: Shown | undefined) => void
  readonly #keeping: Keeping
  #shown: Shown | undefined
  #process!: Process
  #writer!: DurableIndex
  #follower: DurableIndex | undefined
  #random!: Random
  #number = 0

  constructor(disk: SimulatedDisk, witness: (shown: Shown | undefined) => void, keeping: Keeping) {
    this.#disk = disk
    this.#witness = witness
    this.#keeping = keeping
  }

  async begin(): Promise<void> {
    await this.#flow('beginning', async () => {
      await this.#open()
      this.#follower = await openIndex(this.#disk, this.#keeping, true)
    })
  }

  async step(random: Random, step: number): Promise<void> {
    this.#random = random
    this.#number = step * 100
    await this.#flow('a step of a follower and its writer', () => this.#do(random))
  }

  async end(): Promise<void> {
    await this.#flow('the end', async () => {
      await needSame(this.#follower!, this.#writer)
      await this.#follower!.close()
      await this.#writer.close()
      await needPrefixes(this.#disk, this.#shown, this.#keeping)
    })
  }

  #flow(what: string, work: () => Promise<void>): Promise<void> {
    return flowing(what, work(), () => this.#look())
  }

  /** Whatever it shows at any moment is noted. */
  #look(): void {
    const fingerprint = this.#follower?.fingerprint()
    if (fingerprint === undefined || fingerprint === this.#shown?.fingerprint) return
    this.#shown = { fingerprint, before: this.#shown }
    this.#witness(this.#shown)
  }

  async #do(random: Random): Promise<void> {
    const chance = random.below(100)
    if (chance < 40) await this.#several()
    else if (chance < 50) await this.#transaction()
    else if (chance < 62) await Promise.all([this.#several(), this.#writer.checkpoint()])
    else if (chance < 70) await this.#calm()
    else if (chance < 76) await this.#another()
    else if (chance < 84) await this.#reopen()
    else await this.#die()
  }

  async #open(): Promise<void> {
    this.#process = new Process(this.#disk)
    this.#writer = await openIndex(this.#process, this.#keeping)
  }

  async #reopen(): Promise<void> {
    await this.#writer.close()
    await this.#open()
  }

  async #die(): Promise<void> {
    this.#process.killAfter(this.#random.below(this.#random.pick([4, 15, 60])))
    const checkpoint = this.#random.chance(0.4) ? this.#writer.checkpoint() : undefined
    await Promise.race([Promise.all([this.#several(), this.#several(), checkpoint]), this.#process.death])
    await this.#process.kill()
    await this.#open()
  }

  /** The follower has time to see all of it. */
  async #calm(): Promise<void> {
    await needSame(this.#follower!, this.#writer)
  }

  /** Another one takes its place, which has seen nothing yet. */
  async #another(): Promise<void> {
    const { size } = this.#follower!
    await needSame(this.#follower!, this.#writer)
    await this.#follower!.close()
    this.#follower = await openIndex(this.#disk, this.#keeping, true)
    assert.ok(this.#follower.size > 0 || size === 0)
  }

  async #several(): Promise<void> {
    await Promise.all(Array.from({ length: 1 + this.#random.below(8) }, () => this.#one()))
  }

  async #one(): Promise<void> {
    const id = `a${this.#random.below(6)}`
    if (this.#random.chance(0.15)) await this.#writer.delete(id)
    else await this.#writer.upsert(id, [++this.#number, 1], { text: this.#text() })
  }

  async #transaction(): Promise<void> {
    const aborted = new Error('aborted on purpose')
    const aborts = this.#random.chance(0.3)
    const work = this.#writer.transaction(async (transaction) => {
      await transaction.upsert(`t${this.#random.below(3)}`, [++this.#number, 2], { text: this.#text() })
      await this.#one()
      await transaction.upsert('t9', [++this.#number, 3], {})
      if (aborts) throw aborted
    })
    await work.catch((error) => assert.ok(aborts && error === aborted, String(error)))
  }

  /** Large at times, so that segments fill. */
  #text(): string {
    return 'x'.repeat(this.#random.pick([1, 10, 500, 3_000, 20_000]))
  }
}
