/** A store of snapshots, empty or with one in it. */
import { SnapshotStore } from '../../../src/log/checkpoint/snapshot-store.ts'
import type { SnapshotWriter } from '../../../src/log/log.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { DIRECTORY } from '../../support/simulated-log.ts'

export async function emptyStore(): Promise<{ disk: SimulatedDisk; store: SnapshotStore }> {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  await disk.makeDirectory(DIRECTORY)
  await disk.syncDirectory('/data')
  await disk.syncDirectory('/')
  return { disk, store: new SnapshotStore(disk, DIRECTORY) }
}

/** Writes a file from pieces and another one by its path. */
export const twoFiles =
  (disk: SimulatedDisk, text = 'by path') =>
  async (target: SnapshotWriter) => {
    await target.write('pieces', [Buffer.from('one '), Buffer.from('two')])
    const file = await disk.open(target.path('other'), 'create')
    await file.write(Buffer.from(text), 0)
    await file.close()
    return { k: 1 }
  }

export async function storeWithSnapshot(): Promise<{ disk: SimulatedDisk; store: SnapshotStore }> {
  const { disk, store } = await emptyStore()
  await store.publish(7, twoFiles(disk))
  return { disk, store }
}
