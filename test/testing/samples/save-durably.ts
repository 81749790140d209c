import * as nodeFs from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Fs } from './save-in-place.ts'

export async function save(path: string, text: string, fs: Fs = nodeFs): Promise<void> {
  const file = await fs.open(`${path}.tmp`, 'w')
  try {
    await file.writeFile(text)
    await file.sync() // the content, before it has the name
  } finally {
    await file.close()
  }
  await fs.rename(`${path}.tmp`, path)
  const directory = await fs.open(dirname(path), 'r')
  try {
    await directory.sync() // the name
  } finally {
    await directory.close()
  }
}
