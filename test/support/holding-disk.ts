import { type Disk, nodeDisk } from '../../src/mod.ts'

/** A disk on which nothing is synced while it is held. */
export function holding(): { disk: Disk; hold(): () => void } {
  let held: Promise<void> | undefined
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      const file = await nodeDisk.open(path, mode)
      const sync = file.sync.bind(file)
      const writeSynced = file.writeSynced?.bind(file)
      file.sync = async () => {
        await held
        await sync()
      }
      if (writeSynced)
        file.writeSynced = async (buffer, position) => {
          const written = await file.write(buffer, position)
          await held
          await sync()
          return written
        }
      return file
    },
  }
  const hold = (): (() => void) => {
    let resume = (): void => {}
    held = new Promise((resolve) => {
      resume = resolve
    })
    return resume
  }
  return { disk, hold }
}
