/** A directory that is shared keeps the contract of a log, for who leads and for who does not. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SharedWal } from '../../src/shared/shared-wal.ts'
import { logConformance } from '../support/kit.ts'

const WITHOUT = { transactionRecords: false, twoPhaseCommit: false }

async function openShared(directory: string): Promise<SharedWal> {
  const log = await SharedWal.openWith({ directory })
  await log.follow(
    -1,
    () => {},
    async () => log.lastCheckpoint!.sequenceNumber,
  )
  return log
}

/** The log of a process, with another one that leads where there is to be one. */
function place(hasLeader: boolean) {
  const directory = mkdtempSync(join(tmpdir(), 'walv-shared-'))
  let leader: SharedWal | undefined
  return {
    async open() {
      if (hasLeader) leader ??= await openShared(directory)
      return openShared(directory)
    },
    async remove() {
      await leader?.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

describe('the log of the process that leads', () => {
  for (const { name, run } of logConformance(() => place(false), WITHOUT)) test(name, run)
})

describe('the log of a process that follows another', () => {
  for (const { name, run } of logConformance(() => place(true), { ...WITHOUT, checkpoints: false }))
    test(name, run)
})
