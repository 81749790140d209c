import * as nodeFs from 'node:fs/promises'
import type { Fs } from './save-in-place.ts'

export async function save(path: string, text: string, fs: Fs = nodeFs): Promise<void> {
  await fs.writeFile(`${path}.tmp`, text)
  await fs.rename(`${path}.tmp`, path)
}
