/** What walv can import: files of vectors, told apart by the ends of their names, and stores of other libraries, which are named. */
import { extname } from 'node:path'
import { WalError } from '../../mod.ts'
import type { StoreFormat, VectorFile } from './file.ts'
import { openFvecs } from './fvecs.ts'
import { openHnswlib } from './hnswlib.ts'
import { openJsonl } from './jsonl.ts'
import { openMemoryVectorStore } from './memory-vector-store.ts'
import { openNpy } from './npy.ts'
import { openVectra } from './vectra.ts'

export type { StoreFormat, VectorFile, VectorRow } from './file.ts'

const openers: Readonly<Record<string, (file: string) => Promise<VectorFile>>> = {
  '.fvecs': openFvecs,
  '.npy': openNpy,
  '.jsonl': openJsonl,
}

const stores: Readonly<Record<StoreFormat, (path: string) => Promise<VectorFile>>> = {
  'memory-vector-store': openMemoryVectorStore,
  hnswlib: openHnswlib,
  vectra: openVectra,
}

export const STORE_FORMATS = Object.keys(stores) as readonly StoreFormat[]

/** Opens what another library has saved. @throws WALV_INVALID_FILE, also while reading; WALV_PERMISSION, WALV_IO */
export function openStore(format: StoreFormat, path: string): Promise<VectorFile> {
  return stores[format](path)
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
  throw new WalError(
    'WALV_USAGE',
    `Cannot tell what kind of file ${file} is. Name a file that ends in ${kinds}, or say with --from which library has saved it.`,
    {
      file,
    },
  )
}
