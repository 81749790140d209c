import * as fs from 'node:fs'

const ZEROS = Buffer.alloc(1024 * 1024)

/** A file whose blocks are written and synced, so that overwriting them changes no metadata. */
export function preallocate(path: string, bytes: number): number {
  const file = fs.openSync(path, 'w+')
  for (let at = 0; at < bytes; at += ZEROS.length)
    fs.writeSync(file, ZEROS, 0, Math.min(ZEROS.length, bytes - at), at)
  fs.fsyncSync(file)
  return file
}

/** One write, one sync, on the calling thread. */
export function writeAndSync(file: number, buffer: Uint8Array, position: number): void {
  fs.writeSync(file, buffer, 0, buffer.length, position)
  fs.fdatasyncSync(file)
}

/** On libuv's threads, as a library must that does not stop its user's event loop. */
export function writeAsync(file: number, buffer: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(file, buffer, 0, buffer.length, position, (error) => (error ? reject(error) : resolve()))
  })
}

export function syncAsync(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(file, (error) => (error ? reject(error) : resolve()))
  })
}

/** One write, one sync. */
export async function writeAndSyncAsync(file: number, buffer: Uint8Array, position: number): Promise<void> {
  await writeAsync(file, buffer, position)
  await syncAsync(file)
}
