/**
 * The real disk, telling what the engine is about to do: so that it is known in the midst of what a
 * process was killed.
 */
import { type Disk, nodeDisk } from '../../src/mod.ts'
import { tell } from './told.ts'

const SEGMENT = /segment-\d+\.walv$/
const NEW_SEGMENT = /segment-\d+\.walv\.tmp$/

export const watchedDisk: Disk = {
  ...nodeDisk,
  open(path, mode) {
    if (NEW_SEGMENT.test(path) && mode === 'create') tell('+rotation')
    if (path.includes('/quarantine/')) tell('+repair')
    return nodeDisk.open(path, mode)
  },
  async renameNew(from, to) {
    await nodeDisk.renameNew(from, to)
    if (NEW_SEGMENT.test(from)) tell('-rotation')
  },
  remove(path) {
    if (SEGMENT.test(path)) tell('+retention')
    return nodeDisk.remove(path)
  },
}
