/** The package as its users get it: packed, and installed into an empty folder. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npm, ROOT } from './nodes.ts'

export interface PackedFile {
  readonly path: string
  readonly size: number
}

/** What `npm pack` says of the tarball that it made. */
export interface Packed {
  readonly tarball: string
  readonly files: readonly PackedFile[]
  /** Of the tarball, and of what is in it. */
  readonly size: number
  readonly unpackedSize: number
}

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'walv-package-'))
export const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })

/** Packs what is built into `folder`. */
export async function pack(folder: string): Promise<Packed> {
  const printed = await npm(ROOT, ['pack', '--json', '--ignore-scripts', '--pack-destination', folder])
  const [{ filename, ...packed }] = JSON.parse(printed)
  return { ...packed, tarball: join(folder, filename) }
}

/** Makes an empty project and installs the tarball, with the npm of this machine run by `node`. */
export async function install(folder: string, tarball: string, node?: string): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{ "name": "consumer", "private": true }')
  await npm(folder, ['install', tarball], node)
}
