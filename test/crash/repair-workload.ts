/** Logs that rot and are repaired: what a power cut during the repair, or after it, may leave. */
import assert from 'node:assert/strict'
import { type Damage, type Wal, WalError, type WalOptions } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { contentOf, quarantined, rot, rotOrRemove, segmentsBut } from './decay.ts'
import { contentText, foundRecord, LogModel, recordText, snapshotText } from './log-model.ts'
import { type LogSettings, openLog, settingsOf } from './log-session.ts'
import { LogWork } from './log-workload.ts'
import { Trouble } from './trouble.ts'
import { DIRECTORY, seedOf, type Work, type Workload } from './workload.ts'

const BUILDING_STEPS = 14
const ABORT = contentText({ type: 'abortTransaction' })

/** Facts at one moment. Immutable. */
export interface RepairFacts {
  /** By sequence number, what is there and must come back as it is. */
  readonly kept: Records
  /** Numbers of what is lost, and must be named. */
  readonly lost: readonly number[]
  /** Handed over and not acknowledged. */
  readonly submitted: Records
  /**
   * Contents of the damaged files, a copy of each of which must be in quarantine after a repair.
   */
  readonly damagedFiles: readonly Buffer[]
  /** Whether a repair is done, so that the log is clean. */
  readonly isClean: boolean
  /** Whether no header is left, so that nothing can be read but a snapshot. */
  readonly isHopeless: boolean
}

type Records = ReadonlyMap<number, string>

export function repairWorkload(name: string, steps: number): Workload {
  return { name, steps, everySeeds: 1, create: (seed) => repairWork(seed, new Trouble('none')) }
}

/** Each step is a damage, which is repaired, and some more appends. */
export function repairWork(seed: number, trouble: Trouble): Work<RepairFacts> {
  const settings = settingsOf(seed)
  let kept: Records
  return {
    onOperation: trouble.onOperation,
    async prepare(disk) {
      const model = new LogModel(() => {}, settings.checkpointRetention)
      const work = new LogWork(disk, model, settings, new Trouble('none'))
      await work.open()
      for (let step = 0; step < BUILDING_STEPS; step++) await work.step(new Random(seedOf(~seed, step)), step)
      await work.close()
      kept = await recordsOf(await openLog(disk, settings, { readOnly: true }))
      await rotOrRemove(disk, new Random(seed))
    },
    async run(disk, witness, steps) {
      const work = new RepairWork(disk, settings, witness, trouble, { ...NOTHING, kept })
      await work.repair()
      for (const step of steps) {
        await rot(disk, new Random(seedOf(seed, step)))
        await work.repair()
      }
    },
    async verify(disk, facts, witness) {
      if (facts) await new RepairWork(disk, settings, witness, trouble, facts).recover()
    },
  }
}

class RepairWork {
  readonly #disk: SimulatedDisk
  readonly #settings: LogSettings
  readonly #witness: (facts: RepairFacts) => void
  readonly #trouble: Trouble
  #facts: RepairFacts

  constructor(
    disk: SimulatedDisk,
    settings: LogSettings,
    witness: (facts: RepairFacts) => void,
    trouble: Trouble,
    facts: RepairFacts,
  ) {
    this.#disk = disk
    this.#settings = settings
    this.#witness = witness
    this.#trouble = trouble
    this.#facts = facts
  }

  /**
   * Looks at a log that is damaged, repairs it, and goes on. Where the disk fails meanwhile, the
   * next try must do.
   */
  async repair(): Promise<void> {
    await this.#twice(() => this.#lookAtDamage())
    if (this.#facts.isHopeless) await this.#repairsHopeless()
    else await this.#twice(() => this.#repairAndGoOn())
  }

  /**
   * Repairs what was left, or goes on with what was repaired; and a second time: that must change
   * nothing.
   */
  async recover(): Promise<void> {
    if (this.#facts.isHopeless) return this.#repairsHopeless()
    await this.#repairAndGoOn()
    const again = await this.#open({ readOnly: true })
    // A checkpoint stays in the log when its snapshot is gone, and what stands before a hole that a
    // snapshot covers stays where it is.
    const damage = again.recovery.damage.filter((each) => each.kind !== 'snapshot' && !isCoveredHole(each))
    assert.deepEqual(damage, [], 'a log that was repaired and closed is damaged')
    assert.deepEqual(await recordsOf(again), this.#facts.kept, 'a second opening finds something else')
  }

  /**
   * Nothing is made up in the place of a log that cannot be read: it is begun anew from a snapshot,
   * or the repair is refused.
   */
  async #repairsHopeless(): Promise<void> {
    const wal = await this.#open({ recovery: 'repair' }).catch((error: WalError) => {
      assert.equal(error.code, 'WALV_DAMAGED')
    })
    if (wal === undefined) return
    let state = ''
    for await (const piece of wal.snapshot!.read('state')) state += Buffer.from(piece).toString()
    assert.equal(
      state,
      snapshotText(wal.lastCheckpoint!.sequenceNumber),
      'it is begun anew from something else',
    )
    await wal.close()
    await (await this.#open({ recovery: 'strict' })).close()
  }

  async #twice(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.#trouble.mayFail || !(error instanceof WalError)) throw error
      this.#trouble.calm()
      await work()
    }
  }

  #open(more: Partial<WalOptions>): Promise<Wal> {
    return openLog(this.#disk, this.#settings, more)
  }

  /** Read-only, so that nothing is changed by it. */
  async #lookAtDamage(): Promise<void> {
    const wal = await this.#open({ readOnly: true, recovery: 'salvage' })
    const { damage } = wal.recovery
    const kept = await recordsOf(wal)
    for (const [seq, text] of kept) {
      if (this.#facts.kept.has(seq))
        assert.equal(text, this.#facts.kept.get(seq), `record ${seq} came back altered`)
    }
    const names = new Set(damage.filter(isOfSegment).map(({ file }) => file))
    const damagedFiles = await Promise.all(
      [...names].map((name) => contentOf(this.#disk, `${DIRECTORY}/${name}`)),
    )
    // The end of a file that was cut may have held what nothing else tells of.
    const isUnknown = damage.some(({ acknowledged }) => acknowledged === null)
    const from = damage.some(isCoveredHole) || beginsBehindSnapshot(wal) ? coveredBefore(wal) : 0
    const lost = isUnknown ? [] : [...this.#facts.kept.keys()].filter((seq) => seq >= from && !kept.has(seq))
    const isHopeless = kept.size === 0 && damage.some(leavesNoHeader)
    this.#note({ kept, lost, submitted: new Map(), damagedFiles, isClean: false, isHopeless })
  }

  async #repairAndGoOn(): Promise<void> {
    // Where a directory's sync failed, the damaged file may be back in the place of the repaired
    // one.
    const isClean = this.#facts.isClean && !this.#trouble.hasFaults
    const wal = await this.#open({ recovery: isClean ? 'strict' : 'repair' })
    try {
      await this.#checkRepaired(wal)
      this.#note({ ...this.#facts, kept: await recordsOf(wal), submitted: new Map(), isClean: true })
      for (let times = 0; times < 2; times++) await this.#append(wal)
    } finally {
      await wal.close()
    }
  }

  /**
   * All that was kept is there, what is lost is named, and there is a copy of every file that was
   * damaged.
   */
  async #checkRepaired(wal: Wal): Promise<void> {
    const { kept, lost, submitted, damagedFiles } = this.#facts
    const found = await recordsOf(wal)
    for (const [seq, text] of kept) assert.equal(found.get(seq), text, `record ${seq} is not there as it was`)
    for (const [seq, text] of found) {
      // What was open when the log was left is aborted by opening it.
      if (kept.has(seq) || text.endsWith(ABORT)) continue
      assert.equal(text, submitted.get(seq), `record ${seq} was never handed over`)
    }
    const ranges = [...wal.recovery.gaps, ...wal.recovery.damage.flatMap(({ seqs }) => seqs)]
    for (const seq of lost) {
      const isNamed = ranges.some(({ from, through }) => seq >= from && seq <= (through ?? seq))
      assert.ok(isNamed, `record ${seq} is lost, and nothing says so`)
      assert.ok(wal.lastSeq >= seq, `the number of record ${seq}, which is lost, is free again`)
    }
    // A power cut may bring back a snapshot whose removal was not synced, and then nothing is wrong
    // with the file before which it stands.
    const inOrder = await segmentsBut(
      this.#disk,
      wal.recovery.damage.map(({ file }) => file),
    )
    const copies = [...(await quarantined(this.#disk)), ...inOrder]
    for (const file of damagedFiles)
      assert.ok(
        copies.some((copy) => copy.equals(file)),
        'a damaged file was changed, and no copy is in quarantine',
      )
  }

  async #append(wal: Wal): Promise<void> {
    const entry = { type: 'delete', id: `after-${wal.lastSeq}` } as const
    const done = wal.append(entry)
    const submitted = new Map([[wal.lastSeq, recordText(contentText(entry), undefined)]])
    this.#note({ ...this.#facts, submitted })
    await done
    this.#note({ ...this.#facts, submitted: new Map(), kept: new Map([...this.#facts.kept, ...submitted]) })
  }

  #note(facts: RepairFacts): void {
    this.#facts = facts
    this.#witness(facts)
  }
}

const NOTHING: RepairFacts = {
  kept: new Map(),
  lost: [],
  submitted: new Map(),
  damagedFiles: [],
  isClean: false,
  isHopeless: false,
}

/** A file is missing, and nothing is lost with it: a snapshot holds what it held. */
const isCoveredHole = ({ kind, acknowledged }: Damage): boolean =>
  kind === 'missing-segment' && acknowledged === false

/**
 * Whether what stood before the first record is with a snapshot: if its files vanish, that is what
 * retention leaves, too, and nothing tells of it.
 */
const beginsBehindSnapshot = (wal: Wal): boolean => wal.stats().firstSeq > 0 && wal.snapshot !== undefined

/** Where a log begins of which a snapshot holds the rest: it must be there, and reach so far. */
function coveredBefore(wal: Wal): number {
  const { snapshot, lastCheckpoint } = wal
  assert.ok(snapshot && lastCheckpoint, 'a hole is called covered, and no snapshot is in use')
  const first = wal.stats().firstSeq
  assert.ok(
    lastCheckpoint.replayFrom >= first,
    'a hole is called covered, and the snapshot does not reach behind it',
  )
  return first
}

/** Of the only segment that is left. */
const leavesNoHeader = ({ kind, offset, detail }: Damage): boolean =>
  (kind === 'truncated' && offset < 512) || detail.startsWith('No segment has a valid header')

const isOfSegment = ({ kind, file }: Damage): boolean => kind !== 'torn-tail' && file.startsWith('segment-')

/** Everything but what stands for losses. */
async function recordsOf(wal: Wal): Promise<Map<number, string>> {
  const records = new Map<number, string>()
  for await (const record of wal.read()) {
    if (record.entry.type !== 'gap') records.set(record.seq, foundRecord(record).text)
  }
  return records
}
