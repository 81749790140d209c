/**
 * One of several processes that write one directory, any of which may be killed. What it calls and
 * what it is answered goes to a pipe, line by line, at once; orders come on standard input.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { DurableIndex, flat, type WalError } from '../../../src/mod.ts'
import { Random } from '../../../src/testing/random.ts'
import { TOLD_DESCRIPTOR } from '../told.ts'
import type { Line, ShareTask } from './lines.ts'

const task = JSON.parse(process.argv[2]!) as ShareTask
const { name, directory, seed, callers } = task
const random = new Random(seed)

const tell = (line: Line): void => void writeSync(TOLD_DESCRIPTOR, `${JSON.stringify(line)}\n`)
const now = (): number => Number(process.hrtime.bigint()) / 1e6

const index = await DurableIndex.open({
  directory,
  index: flat({ dimensions: 3 }),
  share: true,
  ...(task.checkpointEvery && { checkpointIntervalEntries: task.checkpointEvery }),
  segmentMaxBytes: 256 * 1024,
})
tell({ line: 'opened', at: now() })

let number = 0
let isStopped = false

async function call(): Promise<void> {
  const value = ++number
  const vector = [value, random.below(1000), 1]
  const metadata = { by: name, value }
  const kind = random.pick([
    'own',
    'own',
    'own',
    'pair',
    'insert',
    'upsert',
    'update',
    'delete',
    'swap',
  ] as const)
  // Others use the same ids, at the same time and for a while.
  const contended = `c-${Math.floor(now() / task.idLifeMs)}-${random.below(4)}`
  const id = kind === 'own' || kind === 'pair' ? `${name}-${value}` : contended
  const written = task.number * 1e6 + value
  const before = index.get(id)
  const expected = (before?.metadata as { readonly value: number } | undefined)?.value
  const swap = kind === 'swap' && { expected }
  tell({ line: 'called', number: value, at: now(), kind, id, value: written, ...swap })
  let succeeded = true
  try {
    if (kind === 'pair')
      await index.transaction(async (transaction) => {
        await transaction.insert(`${id}.1`, vector, metadata)
        await transaction.insert(`${id}.2`, vector, metadata)
      })
    else if (kind === 'own' || kind === 'insert')
      await index.insert(id, vector, { ...metadata, value: written })
    else if (kind === 'upsert') await index.upsert(id, vector, { ...metadata, value: written })
    else if (kind === 'update') await index.update(id, { metadata: { ...metadata, value: written } })
    else if (kind === 'swap')
      await index.upsert(
        id,
        vector,
        { ...metadata, value: written },
        before ? { ifSeq: before.seq } : { ifAbsent: true },
      )
    else succeeded = await index.delete(id)
    // Its own changes are there when their calls return.
    if ((kind === 'own' && !index.has(id)) || (kind === 'pair' && !index.has(`${id}.2`)))
      tell({ line: 'failed', why: `${id} was acknowledged and is not there` })
  } catch (error) {
    const { code } = error as WalError
    const isImpossible = code === 'WALV_DUPLICATE_ID' || code === 'WALV_NOT_FOUND'
    if (!isImpossible && !(kind === 'swap' && code === 'WALV_CONFLICT')) {
      tell({ line: 'failed', why: `${kind} ${id}: ${String(error)}` })
      throw error
    }
    succeeded = false
  }
  tell({ line: 'answered', number: value, at: now(), succeeded })
}

async function caller(): Promise<void> {
  while (!isStopped) {
    await call()
    if (task.pauseMs) await new Promise((resolve) => setTimeout(resolve, random.below(task.pauseMs ?? 0)))
  }
}

let work = Promise.all(Array.from({ length: callers }, caller))

for await (const order of createInterface({ input: process.stdin })) {
  if (order === 'stop') {
    isStopped = true
    await work
    tell({ line: 'stopped' })
  } else if (order === 'state') {
    tell({ line: 'state', fingerprint: index.fingerprint(), size: index.size })
  } else if (order === 'close') {
    await index.close()
    tell({ line: 'closed' })
    break
  }
}
work = Promise.resolve([])
process.stdin.destroy()
