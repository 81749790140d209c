/** Travellers to the past of an index, beside its writer, which is killed again and again. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DurableIndex, flat, kill, Random, temporaryDirectory, until, type WalError } from '../support/kit.ts'

const CHILD = fileURLToPath(new URL('./travelled-child.js', import.meta.url))
const KILLS = Number(process.env.WALV_KILLS ?? 5)

/** What the writers told: by sequence number, the fingerprint right after it. */
class Told {
  readonly states = new Map<number, string>()
  last = -1
  readonly #untold: { readonly from: number; readonly before: number }[] = []

  take([seq, fingerprint]: [number, string]): void {
    const before = this.states.get(seq)
    assert.ok(before === undefined || before === fingerprint, `record ${seq} was told differently`)
    this.states.set(seq, fingerprint)
    this.last = Math.max(this.last, seq)
  }

  /** The first that a writer tells. What was logged behind the last of the one before is untold. */
  begin(seq: number): void {
    this.#untold.push({ from: this.last + 1, before: seq })
  }

  /**
   * What the index may have been after a record. Between two that were told there is one change,
   * and perhaps the record of a checkpoint before or behind it. Undefined where nobody told.
   */
  after(seq: number): ReadonlySet<string | undefined> | undefined {
    if (seq > this.last || this.#untold.some(({ from, before }) => seq >= from && seq < before))
      return undefined
    let [at, next] = [seq, seq]
    while (at > 0 && !this.states.has(at)) at--
    while (next < this.last && !this.states.has(next)) next++
    return new Set([this.states.get(at), this.states.get(next)])
  }
}

test(`what is opened at a moment beside a writer is what was there then (${KILLS} kills)`, async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const told = new Told()
  const random = new Random(1)
  const counts = { opened: 0, compared: 0, trimmed: 0 }
  const look = async (): Promise<void> => {
    const moment = random.chance(0.3)
      ? { time: Date.now() - random.below(200) }
      : { seq: Math.max(0, told.last - random.below(300)) }
    try {
      await using index = await DurableIndex.openAt({
        directory,
        index: flat({ dimensions: 2, metric: 'l2' }),
        ...moment,
      })
      counts.opened++
      const seq = index.recovery.lastSeq
      if ('seq' in moment) assert.equal(seq, moment.seq)
      const expected = told.after(seq)
      if (expected === undefined) return
      assert.ok(expected.has(index.fingerprint()), `after record ${seq}`)
      counts.compared++
    } catch (error) {
      if ((error as WalError).code !== 'WALV_SEQUENCE_TRIMMED') throw error
      assert.match((error as Error).message, /the earliest moment/)
      counts.trimmed++
    }
  }
  for (let life = 0; life < KILLS; life++) {
    const child: ChildProcess = fork(CHILD, [directory, String(life)])
    t.after(() => kill(child))
    let first: number | undefined
    child.on('message', (message: [number, string]) => {
      if (first === undefined) told.begin(message[0])
      first ??= message[0]
      told.take(message)
    })
    await until(() => first !== undefined && told.last > first + 20)
    for (let looks = 0; looks < 6; looks++) await look()
    await kill(child)
    await look()
  }
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.compared > 3 * KILLS, JSON.stringify(counts))
})
