/** Readers that are begun and not ended: what they hold goes with the log, or with themselves. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { scanLog } from '../../../src/log/read/scan.ts'
import { FailingDisk, names, openWal, temporaryDirectory, Wal, writeLog } from '../../support/kit.ts'

const IDS = names('id', 50)

async function diskWithLog(t: TestContext): Promise<{ directory: string; disk: FailingDisk }> {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, IDS)
  return { directory, disk: new FailingDisk() }
}

const openFiles = (disk: FailingDisk): number => disk.count('open', /\.walv/) - disk.count('close', /\.walv/)

test('closing ends every reader: its files are closed, and it says that the log is', async (t) => {
  for (const readOnly of [false, true]) {
    const { directory, disk } = await diskWithLog(t)
    const wal = await openWal(t, { directory, disk, readOnly })
    const read = wal.read()
    const replayed = wal.replay()
    const unused = wal.read()
    assert.deepEqual([(await read.next()).done, (await replayed.next()).done], [false, false])
    await wal.close()
    assert.equal(openFiles(disk), 0, `readOnly: ${readOnly}`)
    const closed = { code: 'WALV_CLOSED', message: /was closed while it was read/ }
    await assert.rejects(read.next(), closed)
    await assert.rejects(replayed.next(), closed)
    await assert.rejects(unused.next(), closed)
    assert.deepEqual(await read.return(undefined), { value: undefined, done: true })
  }
})

test("closing waits for the reading that is under way, whose answer is the log's", async (t) => {
  const { directory, disk } = await diskWithLog(t)
  const wal = await openWal(t, { directory, disk })
  const hold = disk.hold('read', /\.walv/)
  const read = wal.read()
  const first = read.next()
  await hold.reached
  const closing = wal.close()
  hold.release()
  assert.equal((await first).value?.seq, 0)
  await closing
  assert.equal(openFiles(disk), 0)
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** How many descriptors of this process are of files below a folder. */
const descriptorsIn = (folder: string): number =>
  readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith(`${folder}/segment-`)
    } catch {
      return false
    }
  }).length

test('a reader that nobody holds any more gives its file back when it is collected', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, IDS)
  const wal = await Wal.open({ directory, readOnly: true })
  // In a function of its own, whose variables are gone with it.
  const openWhileHeld = async (): Promise<number> => {
    const held: AsyncIterator<unknown>[] = []
    for (let time = 0; time < 5; time++) held.push(wal.read(), wal.replay(), scanLog({ directory }))
    for (const reader of held) await reader.next()
    const open = descriptorsIn(directory)
    await held[0]!.next()
    return open
  }
  assert.equal(await openWhileHeld(), 15)
  for (let turn = 0; turn < 1000 && descriptorsIn(directory) > 0; turn++) {
    collectGarbage()
    await new Promise(setImmediate)
  }
  assert.equal(descriptorsIn(directory), 0)
  await wal.close()
})
