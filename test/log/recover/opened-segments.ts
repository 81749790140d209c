/** What tests of opening look at: the segments that it leaves. */
import type { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { frameOfEntry } from '../../support/frames.ts'
import { namesOn } from '../../support/simulated-log.ts'

export const SEGMENT = /^segment-\d+\.walv$/

export const segmentsOn = async (disk: SimulatedDisk): Promise<string[]> =>
  (await namesOn(disk)).filter((name) => SEGMENT.test(name))

export const deletion = (seq: number, seed: number, fields = {}): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, ...fields }, seed)
