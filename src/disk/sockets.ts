/**
 * Links over a socket in the directory: a Unix domain socket that only its owner may open, on
 * Windows a named pipe.
 */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, constants, lstatSync, openSync } from 'node:fs'
import { chmod, realpath, rename, unlink } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { monotonicMs } from '../clock.ts'
import { WalError } from '../errors.ts'
import type { Exchange, Link, Listener } from './exchange.ts'

export const SOCKET_FILE = 'leader.sock'
/** The shortest of what systems allow, without the zero at the end. */
const MAX_SOCKET_PATH_BYTES = 103
/** What connecting answers where nobody listens. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

export const sockets: Exchange = {
  async listen(directory, accept) {
    if (process.platform === 'win32') return listening(await pipeName(directory), accept)
    return withShortPath(directory, (folder) => listenInFolder(directory, folder, accept))
  },
  async connect(directory) {
    if (process.platform === 'win32') return connected(await pipeName(directory))
    const name = socketAt(join(directory, SOCKET_FILE))
    if (name === undefined || isAbandoned(name)) return undefined
    return withShortPath(directory, (folder) => connected(join(folder, SOCKET_FILE), name))
  },
}

/** How long it is not asked again. A system may say so of a socket that is only busy, too. */
const ABANDONED_MS = 250
/** The last socket on which nobody listened. Who listens makes another, never this one again. */
let abandoned = { name: '', untilMs: 0 }

/**
 * Which socket a path leads to; undefined if to none. Synchronous: 10 µs, where asking who does not
 * answer takes 500, and who waits for a leader looks often.
 */
function socketAt(path: string): string | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino} ${found.ctimeNs}`
}

const isAbandoned = (name: string): boolean => name === abandoned.name && monotonicMs() < abandoned.untilMs

/**
 * Made under another name, and renamed once nobody else may open it: it takes the place of one that
 * a killed process left.
 */
async function listenInFolder(
  directory: string,
  folder: string,
  accept: (link: Link) => void,
): Promise<Listener> {
  const made = `${SOCKET_FILE}.${randomBytes(4).toString('hex')}`
  const listener = await listening(join(folder, made), accept)
  try {
    await chmod(join(folder, made), 0o600)
    await rename(join(folder, made), join(folder, SOCKET_FILE))
  } catch (error) {
    await listener.close()
    throw error
  }
  return {
    async close() {
      // The name may be another's by now only if the lock is: then it is left alone.
      await unlink(join(directory, SOCKET_FILE)).catch(() => {})
      await listener.close()
    },
  }
}

function listening(path: string, accept: (link: Link) => void): Promise<Listener> {
  const server: Server = createServer((socket) => accept(linkOver(socket)))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      // Of a link that could not be taken: whoever asked for it asks again.
      server.on('error', () => {})
      server.unref()
      // Links that are there end by themselves: nobody waits for them.
      resolve({ close: async () => void server.close() })
    })
  })
}

/** `name`: of the socket that was seen there, where it is a file. */
function connected(path: string, name = ''): Promise<Link | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(linkOver(socket))
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') abandoned = { name, untilMs: monotonicMs() + ABANDONED_MS }
      if (NOBODY.has(error.code ?? '')) resolve(undefined)
      else reject(error)
    })
  })
}

function linkOver(socket: Socket): Link {
  socket.unref()
  // The end of a link is told by `close`, whatever the reason.
  socket.on('error', () => {})
  /** What is sent in one turn, with what stands behind it in memory already joined to it. */
  let unsent: Uint8Array[] = []
  const flush = (): void => {
    const parts = unsent
    unsent = []
    socket.cork()
    for (const part of parts) socket.write(part)
    socket.uncork()
  }
  return {
    listen(take, ended) {
      socket.on('data', take)
      socket.once('close', ended)
    },
    send(bytes) {
      if (unsent.length === 0) process.nextTick(flush)
      const joined = joinedTo(unsent.at(-1), bytes)
      if (joined) unsent[unsent.length - 1] = joined
      else unsent.push(bytes)
    },
    get waitingBytes() {
      return unsent.reduce((sum, { length }) => sum + length, socket.writableLength)
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    hold: (isHeld) => void (isHeld ? socket.ref() : socket.unref()),
    end() {
      flush()
      socket.end()
    },
    close: () => void socket.destroy(),
  }
}

/** Both as one, where they stand one behind the other in the same memory. */
function joinedTo(first: Uint8Array | undefined, second: Uint8Array): Uint8Array | undefined {
  if (first?.buffer !== second.buffer || first.byteOffset + first.length !== second.byteOffset)
    return undefined
  return new Uint8Array(first.buffer, first.byteOffset, first.length + second.length)
}

/**
 * Calls `use` with a path of the folder that is short enough for a socket in it. Linux knows an
 * open folder by its number as well.
 */
async function withShortPath<T>(directory: string, use: (folder: string) => Promise<T>): Promise<T> {
  const longest = join(directory, `${SOCKET_FILE}.00000000`)
  if (Buffer.byteLength(longest) <= MAX_SOCKET_PATH_BYTES) return use(directory)
  if (process.platform !== 'linux')
    throw new WalError(
      'WALV_INVALID_OPTION',
      `${directory} is too long a path to be shared: the socket in it may have ${MAX_SOCKET_PATH_BYTES} bytes on this system. Use a shorter one, or a link to it.`,
      { file: directory },
    )
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await use(`/proc/self/fd/${descriptor}`)
  } finally {
    closeSync(descriptor)
  }
}

async function pipeName(directory: string): Promise<string> {
  const hash = createHash('sha256').update(await realpath(directory))
  return `\\\\.\\pipe\\walv-${hash.digest('hex').slice(0, 32)}`
}
