import type { Disk } from './disk.ts'

const NOTHING = async (): Promise<void> => {}
/** The last step in each directory that has one under way. */
const stepsUnderWay = new WeakMap<Disk, Map<string, Promise<void>>>()

/**
 * Changes names in a directory and makes them durable, one such step at a time in a directory. A
 * sync that fails may drop every change that is not durable yet, and a later one then succeeds
 * without it. So no change waits for its sync where the sync of another can fail.
 */
export async function changeNames(
  disk: Disk,
  directory: string,
  change: () => Promise<unknown> = NOTHING,
): Promise<void> {
  const steps = stepsUnderWay.get(disk) ?? new Map<string, Promise<void>>()
  stepsUnderWay.set(disk, steps)
  const step = (steps.get(directory) ?? Promise.resolve()).catch(NOTHING).then(async () => {
    await change()
    await disk.syncDirectory(directory)
  })
  steps.set(directory, step)
  try {
    await step
  } finally {
    if (steps.get(directory) === step) steps.delete(directory)
  }
}

/**
 * What is being written under such a name was never part of the log: it is removed by the next
 * writer.
 */
export const TEMPORARY_SUFFIX = '.tmp'
