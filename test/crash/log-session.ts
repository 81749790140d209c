/** A log at work, and the model that is told of every call and every answer. */
import assert from 'node:assert/strict'
import {
  type BatchMember,
  type Disk,
  type Durability,
  type JsonValue,
  type SnapshotWriter,
  type Transaction,
  Wal,
  WalError,
  type WalOptions,
} from '../../src/mod.ts'
import { Random } from '../../src/testing/random.ts'
import {
  contentText,
  type Found,
  type FoundRecord,
  foundRecord,
  type LogModel,
  recordText,
  snapshotText,
  unitText,
} from './log-model.ts'
import { tick } from './virtual-time.ts'
import { DIRECTORY } from './workload.ts'

/** How the logs of one workload are opened. */
export interface LogSettings {
  readonly durability: Durability
  readonly checkpointRetention: number
  readonly segmentMaxAgeMs: number
  readonly segmentMaxBytes: number
  readonly maxPendingBytes?: number
  /** Default: goes on by one with each record. */
  readonly clock?: () => number
}

export function settingsOf(seed: number, given: Partial<LogSettings> = {}): LogSettings {
  const random = new Random(seed)
  return {
    durability: 'commit',
    checkpointRetention: random.pick([1, 2]),
    segmentMaxAgeMs: random.pick([4, 12, 1_000_000]),
    segmentMaxBytes: 64 * 1024,
    ...given,
  }
}

export const openLog = (disk: Disk, settings: LogSettings, more: Partial<WalOptions> = {}): Promise<Wal> =>
  Wal.open({ directory: DIRECTORY, disk, clock: tick, ...settings, ...more })

/** Everything that a log tells of what it holds. */
export async function look(wal: Wal): Promise<Found> {
  const units: string[] = []
  const after = wal.lastCheckpoint?.sequenceNumber
  for await (const { seq, entries } of wal.replay(after === undefined ? {} : { after }))
    units.push(unitText(seq, entries.map(contentText)))
  const inDoubt = wal.inDoubt.map(({ id }) => id).sort()
  return { ...(await lookAsReader(wal)), units, inDoubt }
}

/**
 * What a log tells that is open read-only: not which transactions are in doubt, and not, to save
 * time, what takes effect.
 */
export async function lookAsReader(wal: Wal): Promise<Found> {
  const records: FoundRecord[] = []
  for await (const record of wal.read()) records.push(foundRecord(record))
  assert.equal(wal.lastSeq, records.at(-1)?.seq ?? -1, 'reading ends before the log does')
  let snapshot = wal.snapshot && ''
  for await (const piece of wal.snapshot?.read('state') ?? []) snapshot += Buffer.from(piece).toString()
  const lastCheckpoint = wal.lastCheckpoint?.sequenceNumber
  return { records, units: undefined, lastCheckpoint, snapshot, inDoubt: undefined }
}

export class LogSession {
  readonly wal: Wal
  readonly model: LogModel
  /** Those that can still be committed. */
  transactions: Transaction[]
  /** Whether a call may be refused so now; anything refused otherwise is a defect. */
  readonly #mayFail: (error: WalError) => boolean
  readonly #syncsEach: boolean

  constructor(
    wal: Wal,
    model: LogModel,
    settings: LogSettings,
    mayFail: (error: WalError) => boolean = () => false,
  ) {
    this.wal = wal
    this.model = model
    this.transactions = wal.inDoubt
    this.#mayFail = mayFail
    this.#syncsEach = settings.durability === 'commit'
  }

  /** Resolves when the log has answered, whatever it answers. */
  append(entry: BatchMember): Promise<void> {
    return this.#submit(contentText(entry), undefined, () => this.wal.submit(entry))
  }

  async begin(): Promise<void> {
    await this.bear(() => {
      const transaction = this.wal.begin()
      this.transactions.push(transaction)
      this.model.submit(transaction.id, recordText(marker('begin'), transaction.id))
    })
  }

  async addTo(transaction: Transaction, entry: BatchMember): Promise<void> {
    await this.bear(() => {
      transaction.append(entry)
      this.model.submit(this.wal.lastSeq, recordText(contentText(entry), transaction.id))
    })
  }

  async end(transaction: Transaction, how: 'commit' | 'abort' | 'prepare'): Promise<void> {
    if (how === 'abort' && transaction.state === 'open') await this.#abort(transaction)
    else if (transaction.state !== 'failed')
      await this.#submit(marker(how), transaction.id, () => transaction[how]())
    // What the disk refused a record of is over.
    if (transaction.state === 'failed') await transaction.abort()
    this.transactions = this.transactions.filter(({ state }) => state === 'open' || state === 'prepared')
  }

  /**
   * It ends whatever becomes of its record, of which nothing is known but what the log says of
   * itself.
   */
  async #abort(transaction: Transaction): Promise<void> {
    const before = this.wal.lastSeq
    await this.bear(async () => {
      const ending = transaction.abort()
      const seq = this.wal.lastSeq
      if (seq > before) this.model.submit(seq, recordText(marker('abort'), transaction.id))
      await ending
      assert.equal(transaction.state, 'aborted')
      if (this.wal.lastSeq < seq) {
        this.model.fail(transaction.id)
        this.model.refuse(this.wal.lastSeq)
      }
      this.model.vouch(this.wal.durableSeq)
    })
  }

  async flush(): Promise<void> {
    const { lastSeq } = this.wal
    await this.bear(async () => {
      await this.wal.flush()
      // What was refused meanwhile was not there to be flushed.
      this.model.vouch(Math.min(lastSeq, this.wal.lastSeq))
    })
  }

  async checkpoint(seq: number = this.model.facts.acknowledged): Promise<void> {
    if (seq <= (this.wal.lastCheckpoint?.sequenceNumber ?? -1)) return
    await this.bear(async () => {
      await this.wal.checkpoint({ seq, snapshot: (target) => writeSnapshot(target, seq) })
      this.model.vouch(seq)
      this.model.checkpointed(seq)
    })
  }

  /** A checkpoint whose snapshot fails half way leaves everything as it was. */
  async failCheckpoint(seq: number): Promise<void> {
    await this.bear(async () => {
      const taken = this.wal.checkpoint({
        seq,
        snapshot: async (target) => {
          await writeSnapshot(target, seq)
          throw ON_PURPOSE
        },
      })
      await taken.catch((error) => {
        if (error !== ON_PURPOSE) throw error
      })
    })
  }

  /**
   * Runs what may be refused, if anything may be; `lastSeq` is the last number that is in use if it
   * is.
   */
  async bear<T>(
    work: () => T | Promise<T>,
    lastSeq: () => number = () => this.wal.lastSeq,
  ): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      assert.ok(error instanceof WalError, `rejected with ${error instanceof Error ? error.stack : error}`)
      assert.ok(this.#mayFail(error), `refused though nothing was wrong: ${error.code} ${error.message}`)
      if (error.fate === 'unknown')
        assert.ok(error.seq !== undefined, 'a fate is unknown, and it does not say whose')
      if (error.fate === 'not-logged') this.model.refuse(Math.min(lastSeq(), this.wal.lastSeq))
      return undefined
    } finally {
      for (const { id, state } of this.transactions) if (state === 'failed') this.model.fail(id)
    }
  }

  async #submit(
    content: string,
    transactionId: number | undefined,
    call: () => Promise<unknown>,
  ): Promise<void> {
    const before = this.wal.lastSeq
    let seq = before
    await this.bear(
      async () => {
        const answer = call()
        seq = this.wal.lastSeq
        if (seq > before) this.model.submit(seq, recordText(content, transactionId))
        const told = await answer
        if (typeof told === 'number') assert.equal(told, seq, 'it was acknowledged under another number')
        if (this.#syncsEach) assert.ok(this.wal.durableSeq >= seq, `${seq} is acknowledged and not durable`)
        this.model.acknowledge(seq)
        this.model.vouch(this.wal.durableSeq)
      },
      () => (seq > before ? seq - 1 : before),
    )
  }
}

const ON_PURPOSE = new Error('failed on purpose')

async function writeSnapshot(target: SnapshotWriter, seq: number): Promise<JsonValue> {
  await target.write('state', [Buffer.from(snapshotText(seq))])
  await target.write('more', [])
  return { seq }
}

const marker = (of: 'begin' | 'commit' | 'abort' | 'prepare'): string =>
  JSON.stringify({ type: `${of}Transaction` })
