/** Files of vectors that walv can import, told apart by the ends of their names. */
import { extname } from 'node:path'
import { WalError } from '../../mod.ts'
import type { VectorFile } from './file.ts'
import { openFvecs } from './fvecs.ts'
import { openJsonl } from './jsonl.ts'
import { openNpy } from './npy.ts'

export type { VectorFile, VectorRow } from './file.ts'

const openers: Readonly<Record<string, (file: string) => Promise<VectorFile>>> = {
  '.fvecs': openFvecs,
  '.npy': openNpy,
  '.jsonl': openJsonl,
}

/**
 * Opens a `.fvecs`, `.npy` or `.jsonl` file.
 * @throws WalError `WALV_USAGE` for a name of another kind; `WALV_INVALID_FILE`, also while reading; `WALV_PERMISSION`, `WALV_IO`.
 */
export async function openVectorFile(file: string): Promise<VectorFile> {
  const extension = extname(file).toLowerCase()
  const open = openers[extension]
  if (open !== undefined) return open(file)
  const kinds = Object.keys(openers).join(', ')
  throw new WalError('WALV_USAGE', `Cannot tell what kind of file ${file} is. Name a file that ends in ${kinds}.`, {
    file,
  })
}
