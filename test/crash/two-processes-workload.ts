/**
 * Two processes on one disk that want to write the same log, while somebody removes its lock, moves
 * its directory away and back, and processes die. While the lock is there, one of them writes. Once
 * it was taken away from a writer, that one stops as soon as it is idle; and whatever either of
 * them acknowledged is in some file for ever.
 */
import assert from 'node:assert/strict'
import { Wal, WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { Random } from '../../src/testing/random.ts'
import { Process } from './process.ts'
import { flow, passTime, timeNow } from './virtual-time.ts'
import { DIRECTORY, seedOf, type Work, type Workload } from './workload.ts'

/** Longer than a log that is idle waits before it writes that all of it is durable. */
const IDLE_MS = 150
const MAX_STEP_MS = 5_000
const MOVED = '/data/moved'
const LOCK = `${DIRECTORY}/LOCK`

/** What the acknowledged records have in them. Immutable. */
type Acknowledged = readonly string[]

export const twoProcessesWorkload = (name: string): Workload => ({
  name,
  steps: 16,
  everySeeds: 1,
  create: twoProcessesWork,
})

function twoProcessesWork(seed: number): Work<Acknowledged> {
  return {
    disk: { maxLatencyTurns: seed % 3 },
    statesPerCut: 3,
    async run(disk, witness, steps) {
      const work = new TwoProcesses(disk, witness)
      for (const step of steps) await work.step(new Random(seedOf(seed, step)))
    },
    async verify(disk, acknowledged = []) {
      await assertKept(disk, acknowledged)
      try {
        await (await openLog(disk)).close()
      } catch (error) {
        assert.ok(
          error instanceof WalError,
          `opening fails with ${error instanceof Error ? error.stack : error}`,
        )
      }
      await assertKept(disk, acknowledged)
    },
  }
}

/** Every segment is made by link and opened by path: both have to be of the same process. */
const openLog = (disk: SimulatedDisk | Process): Promise<Wal> =>
  Wal.open({
    directory: DIRECTORY,
    disk,
    clock: timeNow,
    segmentMaxBytes: 64 * 1024,
    checkpointRetention: 1_000,
  })

async function assertKept(disk: SimulatedDisk, acknowledged: Acknowledged): Promise<void> {
  const content = Buffer.concat(await contentsBelow(disk, '/data'))
  for (const text of acknowledged)
    assert.ok(content.includes(text), `${text} was acknowledged, and is in no file`)
}

async function contentsBelow(disk: SimulatedDisk, folder: string): Promise<Buffer[]> {
  const contents: Buffer[] = []
  for (const { name, kind } of await disk.list(folder).catch(() => [])) {
    const path = `${folder}/${name}`
    if (kind === 'directory') contents.push(...(await contentsBelow(disk, path)))
    if (kind === 'file') contents.push(await contentOf(disk, path))
  }
  return contents
}

async function contentOf(disk: SimulatedDisk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  const content = Buffer.alloc(await file.size())
  await file.read(content, 0)
  await file.close()
  return content
}

interface Writer {
  readonly name: string
  process: Process | undefined
  wal: Wal | undefined
  /** Which of all lock files it has. */
  lock: number
}

class TwoProcesses {
  readonly #disk: SimulatedDisk
  readonly #witness: (acknowledged: Acknowledged) => void
  readonly #writers: readonly Writer[] = ['first', 'second'].map((name) => ({
    ...{ name, process: undefined, wal: undefined, lock: 0 },
  }))
  #acknowledged: Acknowledged = []
  /** Which lock file stands where writers look for it, and in the directory that was moved away. */
  #lock: number | undefined
  #movedLock: number | undefined
  #isMoved = false
  #number = 0
  #random!: Random

  constructor(disk: SimulatedDisk, witness: (acknowledged: Acknowledged) => void) {
    this.#disk = disk
    this.#witness = witness
  }

  async step(random: Random): Promise<void> {
    this.#random = random
    await flow(MAX_STEP_MS, 'a step of two processes', this.#do(), () => {})
  }

  async #do(): Promise<void> {
    const chance = this.#random.below(100)
    const writer = this.#random.pick([...this.#writers])
    if (chance < 25) await this.#open(writer)
    else if (chance < 55) await Promise.all(this.#writers.map((each) => this.#append(each)))
    else if (chance < 65) await this.#checkpoint(writer)
    else if (chance < 75) await this.#rest()
    else if (chance < 82) await this.#end(writer)
    else if (chance < 92) await this.#rob()
    else await this.#moveDirectory()
  }

  /** With the lock where it was, one writer excludes the other. */
  async #open(writer: Writer): Promise<void> {
    if (writer.wal !== undefined) return
    const holder = this.#writers.find((each) => each.wal !== undefined && !this.#isRobbed(each))
    writer.process = new Process(this.#disk)
    try {
      writer.wal = await openLog(writer.process)
    } catch (error) {
      assert.ok(error instanceof WalError, String(error))
      await writer.process.kill()
      return
    }
    assert.equal(holder?.name, undefined, `${writer.name} writes beside another that has the lock`)
    this.#lock ??= ++this.#number
    writer.lock = this.#lock
  }

  /** Somebody took the lock or the directory from it. */
  #isRobbed({ lock }: Writer): boolean {
    return lock !== this.#lock
  }

  async #append({ name, wal }: Writer): Promise<void> {
    const count = wal === undefined ? 0 : 1 + this.#random.below(4)
    await Promise.all(
      Array.from({ length: count }, async () => {
        const text = `<${name}-${++this.#number}>`
        const data = Buffer.from(text.padEnd(this.#random.pick([20, 3_000, 30_000]), '.'))
        try {
          await wal!.append({ type: 'custom', kind: 'text', data })
        } catch (error) {
          return this.#refused(error)
        }
        this.#acknowledged = [...this.#acknowledged, text]
        this.#witness(this.#acknowledged)
      }),
    )
  }

  async #checkpoint({ wal }: Writer): Promise<void> {
    if (wal === undefined || wal.durableSeq < 0) return
    const seq = wal.durableSeq
    try {
      await wal.checkpoint({
        seq,
        snapshot: async (target) => {
          await target.write('state', [Buffer.from('state')])
          return null
        },
      })
    } catch (error) {
      this.#refused(error)
    }
  }

  #refused(error: unknown): void {
    assert.ok(error instanceof WalError, error instanceof Error ? error.stack : String(error))
    const isInOrder = this.#writers.some((each) => this.#isRobbed(each)) || error.code === 'WALV_CHECKPOINT'
    assert.ok(isInOrder, `refused though nothing was wrong: ${error.code} ${error.message}`)
  }

  /** Idle after an append, a writer that was robbed has noticed. */
  async #rest(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => this.#append(writer)))
    await passTime(IDLE_MS)
    const writing = this.#writers.filter(({ wal }) => wal !== undefined && !wal.stats().poisoned)
    const robbed = writing.find((each) => this.#isRobbed(each))
    assert.equal(robbed?.name, undefined, `${robbed?.name} writes on without its lock`)
    assert.ok(writing.length <= 1, 'two write the same log')
  }

  async #end(writer: Writer): Promise<void> {
    const { wal, process } = writer
    if (wal === undefined) return
    writer.wal = undefined
    if (this.#random.chance(0.5)) await wal.close().catch((error) => this.#refused(error))
    await process!.kill()
  }

  /** Who opens now gets another lock. */
  async #rob(): Promise<void> {
    await this.#disk.remove(LOCK).catch(() => {})
    this.#lock = undefined
  }

  /** Away, or back in the place of what was made there meanwhile. */
  async #moveDirectory(): Promise<void> {
    const [from, to] = this.#isMoved ? [MOVED, DIRECTORY] : [DIRECTORY, MOVED]
    if (this.#isMoved) await this.#disk.rename(DIRECTORY, `/data/aside-${++this.#number}`).catch(() => {})
    const isDone = await this.#disk.rename(from, to).then(
      () => true,
      () => false,
    )
    if (!isDone) return
    await this.#disk.syncDirectory('/data')
    ;[this.#lock, this.#movedLock] = [this.#movedLock, this.#isMoved ? undefined : this.#lock]
    this.#isMoved = !this.#isMoved
  }
}
