import { DurableIndex, flat } from 'walv'
import { DIMENSIONS } from '../../embed.js'

/**
 * The one index of this process. Next.js loads a module again when it is edited, and once for each of its bundles; a second opening would be refused with
 * WALV_LOCKED. So it is kept where all of them find it.
 */
export function passages() {
  globalThis.passages ??= DurableIndex.open({
    directory: process.env.DATA ?? './data',
    index: flat({ dimensions: DIMENSIONS }),
  })
  return globalThis.passages
}
