/** Random histories of a log against a model of a few lines: the list of all records, and what of them takes effect. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BatchMember, type Transaction, Wal, type WalEntry } from '../../src/mod.ts'
import { anyEntry, bits } from '../support/entries.ts'
import { collect } from '../support/logs.ts'

type Step =
  | { readonly do: 'append'; readonly entries: readonly BatchMember[] }
  | { readonly do: 'begin' | 'reopen' | 'crash' }
  | { readonly do: 'checkpoint'; readonly back: number }
  | { readonly do: 'large'; readonly dimensions: number }
  | { readonly do: 'add'; readonly which: number; readonly entry: BatchMember }
  | { readonly do: 'prepare' | 'commit' | 'abort'; readonly which: number }

interface ModelRecord {
  readonly entry: WalEntry
  readonly transactionId?: number
}

interface Effect {
  readonly seq: number
  readonly entries: readonly unknown[]
}

/** What a log with these records does: single entries at their place, a committed transaction's at its commit. */
function effectsOf(records: readonly ModelRecord[]): Effect[] {
  const open = new Map<number, unknown[]>()
  const effects: Effect[] = []
  for (const [seq, { entry, transactionId }] of records.entries()) {
    if (entry.type === 'beginTransaction') open.set(seq, [])
    else if (entry.type === 'commitTransaction') effects.push({ seq, entries: open.get(transactionId!)! })
    else if (entry.type !== 'checkpoint' && !entry.type.endsWith('Transaction')) {
      if (transactionId === undefined) effects.push({ seq, entries: [bits(entry)] })
      else open.get(transactionId)!.push(bits(entry))
    }
  }
  return effects
}

/** Enough of these make the log rotate. */
const largeInsert = (dimensions: number): BatchMember => ({
  type: 'insert',
  id: 'large',
  vector: new Float32Array(dimensions).fill(0.5),
  metadata: null,
})

const comparable = ({ entry, transactionId }: ModelRecord): unknown => [bits(entry), transactionId]

class History {
  /** Every record that was ever handed to the log and may be in it, by its sequence number. */
  readonly #records: ModelRecord[] = []
  /** So many of them are acknowledged. */
  #acknowledged = 0
  #open: Transaction[] = []
  #openedAt = 0
  #directory = ''
  #wal!: Wal

  async start(directory: string): Promise<void> {
    this.#directory = directory
    this.#wal = await Wal.open({ directory, segmentMaxBytes: 64 * 1024, checkpointRetention: 2 })
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        return this.#append(step.entries)
      case 'large':
        return this.#append([largeInsert(step.dimensions)])
      case 'begin':
        this.#open.push(this.#wal.begin())
        return this.#log({ type: 'beginTransaction' }, this.#open.at(-1)!.id)
      case 'add':
        return this.#add(this.#open[step.which % this.#open.length], step.entry)
      case 'prepare':
      case 'commit':
      case 'abort':
        return this.#end(this.#open[step.which % this.#open.length], step.do)
      case 'checkpoint':
        return this.#checkpoint(step.back)
      case 'reopen':
        await this.#wal.close()
        this.#acknowledged = this.#records.length
        return this.#reopen(this.#directory)
      case 'crash':
        return this.#crash()
    }
  }

  #log(entry: WalEntry, transactionId?: number): void {
    this.#records.push({ entry, ...(transactionId !== undefined && { transactionId }) })
    assert.equal(this.#wal.lastSeq, this.#records.length - 1)
  }

  async #append(entries: readonly BatchMember[]): Promise<void> {
    const first = this.#records.length
    const appends = entries.map((entry) => this.#wal.append(entry))
    for (const entry of entries) this.#records.push({ entry })
    assert.deepEqual(
      await Promise.all(appends),
      entries.map((_, index) => first + index),
    )
    this.#acknowledged = this.#records.length
  }

  #add(transaction: Transaction | undefined, entry: BatchMember): void {
    if (transaction?.state !== 'open') return
    transaction.append(entry)
    this.#log(entry, transaction.id)
  }

  async #end(transaction: Transaction | undefined, how: 'prepare' | 'commit' | 'abort'): Promise<void> {
    if (!transaction || (how === 'prepare' && transaction.state !== 'open')) return
    const done = transaction[how]()
    this.#log({ type: `${how}Transaction` }, transaction.id)
    await done
    this.#acknowledged = this.#records.length
    if (how !== 'prepare') this.#open = this.#open.filter((each) => each !== transaction)
  }

  async #checkpoint(back: number): Promise<void> {
    await this.#wal.flush()
    this.#acknowledged = this.#records.length
    const last = this.#wal.lastCheckpoint?.sequenceNumber ?? -1
    const seq = Math.max(this.#records.length - 1 - back, this.#openedAt - 1)
    if (seq <= last) return
    const entry = await this.#wal.checkpoint({ seq, snapshot: async () => ({ seq }) })
    assert.equal(entry.sequenceNumber, seq)
    this.#log(entry)
    this.#acknowledged = this.#records.length
  }

  /** A copy of the directory is what a process that is killed now leaves behind. */
  async #crash(): Promise<void> {
    const copy = `${this.#directory}x`
    await cp(this.#directory, copy, { recursive: true })
    await this.#wal.close()
    await this.#reopen(copy)
  }

  async #reopen(directory: string): Promise<void> {
    await this.start(directory)
    const found = this.#wal.recovery.lastSeq + 1
    assert.ok(found >= this.#acknowledged, `${this.#acknowledged} were acknowledged, ${found} came back`)
    assert.ok(found <= this.#records.length, 'nothing is there that was not submitted')
    this.#records.length = found
    const ended = this.#open.filter(({ id, state }) => id < found && state === 'open')
    this.#open = this.#wal.inDoubt
    for (const { id } of ended) this.#records.push({ entry: { type: 'abortTransaction' }, transactionId: id })
    await this.#wal.flush()
    this.#acknowledged = this.#records.length
    this.#openedAt = found
    await this.check()
  }

  async check(): Promise<void> {
    await this.#wal.flush()
    const found = await collect(this.#wal.read())
    const first = found[0]?.seq ?? 0
    assert.equal(found.length, this.#records.length - first)
    assert.deepEqual(found.map(comparable), this.#records.slice(first).map(comparable))
    assert.deepEqual(this.#wal.recovery.damage, [])
    const effects = effectsOf(this.#records)
    for (const [seq, { entry }] of this.#records.entries()) {
      if (entry.type !== 'checkpoint' || seq < first || entry.replayFrom < first) continue
      await this.#checkReplay(effects, entry.sequenceNumber, entry.replayFrom)
    }
    const last = this.#wal.lastCheckpoint
    if (last) await this.#checkReplay(effects, last.sequenceNumber)
    else await this.#checkReplay(effects, -1)
  }

  async #checkReplay(effects: readonly Effect[], after: number, from?: number): Promise<void> {
    const units = await collect(this.#wal.replay({ after, ...(from !== undefined && { from }) }))
    assert.deepEqual(
      units.map(({ seq, entries }) => ({ seq, entries: entries.map(bits) })),
      effects.filter(({ seq }) => seq > after),
    )
  }

  close(): Promise<void> {
    return this.#wal.close()
  }
}

const which = fc.nat(5)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      entries: fc.array(anyEntry, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('large' as const), dimensions: fc.nat(9000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), which, entry: anyEntry }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('prepare' as const, 'commit' as const, 'abort' as const), which }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), back: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('reopen' as const, 'crash' as const) }) },
)

test('whatever is appended, begun, ended, checkpointed, closed and killed, the log holds what the model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const directory = await mkdtemp(join(tmpdir(), 'walv-model-'))
      const history = new History()
      try {
        await history.start(join(directory, 'log'))
        for (const each of steps) await history.run(each)
        await history.run({ do: 'reopen' })
      } finally {
        await history.close()
        await rm(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: 60, includeErrorInReport: true },
  )
})
