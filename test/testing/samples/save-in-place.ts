import * as nodeFs from 'node:fs/promises'

export type Fs = Pick<typeof nodeFs, 'open' | 'readFile' | 'rename' | 'writeFile'>

export async function save(path: string, text: string, fs: Fs = nodeFs): Promise<void> {
  await fs.writeFile(path, text)
}
