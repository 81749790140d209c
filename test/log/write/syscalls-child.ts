/**
 * What is traced: `node syscalls-child.js write|read DIRECTORY`. A look at a path that is not there
 * marks a place in the trace.
 */
import { existsSync } from 'node:fs'
import { Wal } from '../../../src/mod.ts'

const [work, directory] = process.argv.slice(2) as ['write' | 'read', string]
const mark = (name: string): boolean => existsSync(`/walv-mark-${name}`)

async function write(): Promise<void> {
  const wal = await Wal.open({ directory, segmentMaxBytes: 64 * 1024, checkpointRetention: 1 })
  mark('groups')
  for (let group = 0; group < 20; group++) {
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        wal.append({ type: 'insert', id: `${group}-${index}`, vector: [1] }),
      ),
    )
  }
  mark('rotations')
  for (let index = 0; index < 10; index++) {
    await wal.append({ type: 'custom', kind: 'large', data: new Uint8Array(60_000) })
  }
  mark('checkpoint')
  await wal.checkpoint({
    seq: wal.lastSeq,
    snapshot: async (target) => {
      await target.write('content', [new Uint8Array(1000)])
      return null
    },
  })
  mark('close')
  await wal.close()
}

async function read(): Promise<void> {
  const wal = await Wal.open({ directory, readOnly: true })
  let records = 0
  for await (const _ of wal.read()) records++
  await wal.close()
  if (records === 0) throw new Error('there is nothing to read')
}

await (work === 'write' ? write() : read())
mark('end')
