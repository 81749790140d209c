import assert from 'node:assert/strict'
import type { Log } from '../../log/log.ts'
import type { Checks } from './case.ts'
import { checkOrder, collect, effectsIn, insert, type LogSubject, recordsIn, refuses } from './log-subject.ts'

const LARGE_RECORDS = 48
const LARGE_BYTES = 64 * 1024

async function filled(subject: LogSubject, count: number): Promise<Log> {
  const log = await subject.open()
  await Promise.all(Array.from({ length: count }, (_, at) => log.append(insert(`${at}`))))
  return log
}

/** More than anybody reads in one go. */
async function large(subject: LogSubject): Promise<Log> {
  const log = await subject.open()
  const data = new Uint8Array(LARGE_BYTES).fill(1)
  await Promise.all(
    Array.from({ length: LARGE_RECORDS }, () => log.append({ type: 'custom', kind: 'large', data })),
  )
  return log
}

/** How a log is read and replayed. */
export const logReading: Checks<LogSubject> = {
  async 'read gives every record from a number on, in order and once'(subject) {
    const log = await filled(subject, 12)
    for (let from = 0; from < 14; from++) {
      const records = await recordsIn(log, from)
      checkOrder(records)
      assert.equal(records[0]?.seq, from < 12 ? from : undefined)
      assert.equal(records.length, Math.max(0, 12 - from))
    }
    assert.deepEqual(await recordsIn(log), await recordsIn(log, 0))
  },

  async 'replay gives what takes effect behind a number, in order and once'(subject) {
    const log = await filled(subject, 8)
    const all = Array.from({ length: 8 }, (_, at) => `${at}`)
    for (let after = -1; after < 10; after++)
      assert.deepEqual(await effectsIn(log, { after }), all.slice(after + 1))
    assert.deepEqual(await effectsIn(log), all)
    assert.deepEqual(await effectsIn(log, { after: 4, from: 0 }), all.slice(5))
  },

  async 'a place that is no number in a log is refused'(subject) {
    const log = await filled(subject, 2)
    for (const from of [-1, 1.5, Number.NaN, '1' as never]) {
      await refuses('WALV_INVALID_OPTION', () => recordsIn(log, from))
      await refuses('WALV_INVALID_OPTION', () => effectsIn(log, { from }))
    }
  },

  async 'reading ends with what was there when it began'(subject) {
    const log = await filled(subject, 5)
    for (const read of [() => log.read(), () => log.replay()]) {
      const there = log.lastSeq
      const found: number[] = []
      for await (const { seq } of read()) {
        found.push(seq)
        await log.append(insert('meanwhile'))
      }
      assert.deepEqual(
        found,
        Array.from({ length: there + 1 }, (_, at) => at),
      )
    }
    assert.equal((await recordsIn(log)).length, log.lastSeq + 1)
  },

  async 'several may read at once, each at its own pace'(subject) {
    const log = await large(subject)
    const readers = [log.read(), log.read({ from: 7 }), log.replay(), log.read()].map(
      async (source, turn) => {
        const found: number[] = []
        for await (const { seq } of source) {
          found.push(seq)
          if (seq % (turn + 2) === 0) await log.append(insert('meanwhile'))
        }
        return found
      },
    )
    const all = Array.from({ length: LARGE_RECORDS }, (_, at) => at)
    assert.deepEqual(await Promise.all(readers), [all, all.slice(7), all, all])
  },

  async 'who stops reading early leaves the log as it was'(subject) {
    const log = await large(subject)
    for (const source of [log.read(), log.replay()]) {
      for await (const { seq } of source) if (seq === 3) break
    }
    assert.equal(await log.append(insert('a')), LARGE_RECORDS)
    assert.equal((await recordsIn(log)).length, LARGE_RECORDS + 1)
  },

  async 'reading ends when its signal is aborted'(subject) {
    const log = await large(subject)
    const aborted = AbortSignal.abort()
    await refuses('WALV_ABORTED', () => collect(log.read({ signal: aborted })))
    await refuses('WALV_ABORTED', () => collect(log.replay({ signal: aborted })))
    for (const start of [log.read.bind(log), log.replay.bind(log)]) {
      const controller = new AbortController()
      let found = 0
      await refuses('WALV_ABORTED', async () => {
        for await (const _ of start({ signal: controller.signal })) {
          found++
          controller.abort()
        }
      })
      assert.ok(found > 0 && found < LARGE_RECORDS, `${found} of ${LARGE_RECORDS} records were read`)
    }
  },
}
