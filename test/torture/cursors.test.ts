import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DurableIndex, flat, kill, openWal, temporaryDirectory, until } from '../support/kit.ts'
import type { ConsumerReport } from './cursor-child.ts'

const WRITER = fileURLToPath(new URL('./followed-child.js', import.meta.url))
const CONSUMER = fileURLToPath(new URL('./cursor-child.js', import.meta.url))
const KILLS = 6

/** What one life of a consumer has told before it was killed. */
class Life {
  readonly child: ChildProcess
  readonly told: number[] = []
  opened: number | undefined
  committed = -1

  constructor(directory: string) {
    this.child = fork(CONSUMER, [directory])
    this.child.on('message', (report: ConsumerReport) => {
      if ('opened' in report) this.opened = report.opened
      else if ('told' in report) this.told.push(report.told)
      else this.committed = report.committed
    })
  }
}

test('a consumer and its writer are killed again and again: nothing is skipped, and nothing kept for nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const children: ChildProcess[] = []
  t.after(() => Promise.all(children.map(kill)))
  const write = async (life: number): Promise<ChildProcess> => {
    const child = fork(WRITER, [JSON.stringify({ directory, life, checkpointRetention: 1, pauseMs: 60 })])
    children.push(child)
    await once(child, 'message')
    return child
  }
  let writer = await write(0)
  const log = await openWal(t, { directory, follow: true })
  // It reads nothing until the end: so all of the log is kept.
  const whole = await log.cursor('whole', { from: 'begin' })
  const lives: Life[] = []
  for (let number = 0; number < KILLS; number++) {
    const life = new Life(directory)
    children.push(life.child)
    lives.push(life)
    await until(() => life.told.length > 0)
    await delay(100 + 30 * number)
    if (number % 2 > 0) {
      await kill(writer)
      writer = await write(number)
    }
    await kill(life.child)
  }
  await kill(writer)
  const last = await DurableIndex.open({
    ...{ directory, index: flat({ dimensions: 2 }), checkpointRetention: 1, segmentMaxBytes: 64 * 1024 },
  })
  const end = new Life(directory)
  children.push(end.child)
  const seqs: number[] = []
  const through = last.recovery.lastSeq
  for await (const { seq } of last.changes({ from: whole.position + 1 })) {
    if (seq !== seqs.at(-1)) seqs.push(seq)
    if (seq >= through - 5) break
  }
  await until(() => (end.told.at(-1) ?? 0) >= seqs.at(-1)!)
  let committed = whole.position
  for (const { opened, told, committed: moved } of [...lives, end]) {
    assert.ok(opened! >= committed, `it stood at ${committed}, and then at ${opened}`)
    const behind = seqs.filter((seq) => seq > opened!)
    const within = told.filter((seq) => behind.includes(seq))
    assert.deepEqual(within, behind.slice(0, within.length))
    committed = Math.max(opened!, moved)
  }
  await kill(end.child)
  await whole.close()
  await log.dropCursor('whole')
  const { firstSeq } = last.stats()
  await last.upsert('more', [1, 1])
  await last.checkpoint()
  assert.ok(last.stats().firstSeq > firstSeq)
  t.diagnostic(`${seqs.length} units, ${lives.map(({ told }) => told.length).join(' ')} told in a life`)
  await last.close()
})
