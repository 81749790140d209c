import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, diagnose, explore, insertOf, names, type SimulatedDisk, Wal } from '../support/kit.ts'

test('A repair that is cut short anywhere leaves a log that can be repaired again, and that has lost nothing more', async () => {
  const directory = '/data/log'
  const options = { directory, segmentMaxBytes: 65_536, clock: () => 1_700_000_000_000 }
  const idsIn = async (disk: SimulatedDisk): Promise<string[]> => {
    const wal = await Wal.open({ ...options, disk, readOnly: true, recovery: 'salvage' })
    return (await collect(wal.read())).flatMap(({ entry }) => ('id' in entry ? [entry.id] : []))
  }
  const kept = names('doc', 10).filter((id) => id !== 'doc-2' && id !== 'doc-7')
  const exploration = await explore<string>({
    seed: 1,
    statesPerCut: 3,
    secondCutEvery: 30,
    prepare: async (disk) => {
      await disk.makeDirectory('/data')
      const wal = await Wal.open({ ...options, disk })
      for (const id of names('doc', 10)) await wal.append(insertOf(id, 40_000))
      await wal.close()
      await disk.syncDirectory('/')
      // Records 2 and 7; the header of the fourth segment.
      disk.flipBit(`${directory}/segment-0000000001.walv`, 100_000)
      disk.flipBit(`${directory}/segment-0000000003.walv`, 20_000)
      disk.flipBit(`${directory}/segment-0000000004.walv`, 100)
    },
    run: async (disk) => {
      const wal = await Wal.open({ ...options, disk, recovery: 'repair' })
      await wal.close()
    },
    verify: async (disk) => {
      const found = await diagnose({ directory, disk })
      assert.ok(['loss', 'damaged', 'healthy', 'torn-tail'].includes(found.verdict), found.verdict)
      assert.deepEqual(await idsIn(disk), kept)
      await (await Wal.open({ ...options, disk, recovery: 'repair' })).close()
      const after = await diagnose({ directory, disk })
      assert.deepEqual(
        [after.verdict, after.recoverable?.gaps],
        [
          'healthy',
          [
            { from: 2, through: 2 },
            { from: 7, through: 7 },
          ],
        ],
      )
      assert.deepEqual(await idsIn(disk), kept)
    },
  })
  assert.deepEqual(
    exploration.violations.map(({ error, story }) => [error.message, story]),
    [],
  )
  assert.ok(
    exploration.cuts > 20 && exploration.states > 40 && exploration.secondCuts > 20,
    JSON.stringify(exploration),
  )
})
