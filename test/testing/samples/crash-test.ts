import assert from 'node:assert/strict'
import { type Exploration, explore, type SimulatedFs, simulatedFs } from '../../../src/testing/mod.ts'

type Save = (path: string, text: string, fs: SimulatedFs) => Promise<void>

const textOf = (version: number): string => `This is version ${version}. `.repeat(100)

/**
 * Version 1 is there. Version 2 is saved, and the power fails: one of them must be there, and
 * version 2 once it was saved.
 */
export function crashTest(save: Save): Promise<Exploration> {
  return explore<number>({
    seed: 1,
    async prepare(disk) {
      await simulatedFs(disk).writeFile('/state', textOf(1), { flush: true })
      await disk.syncDirectory('/')
    },
    async run(disk, witness) {
      await save('/state', textOf(2), simulatedFs(disk))
      witness(2)
    },
    async verify(disk, saved = 1) {
      const text = await simulatedFs(disk).readFile('/state', 'utf8')
      const found = [1, 2].find((version) => textOf(version) === text)
      assert.ok(found !== undefined, `neither version is there, but ${text.length} characters`)
      assert.ok(found >= saved, `version ${saved} was saved, and version ${found} is there`)
    },
  })
}
