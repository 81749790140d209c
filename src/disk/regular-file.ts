/**
 * What keeps an open to regular files: a pipe would make its reader wait for ever, a device has no
 * end, and a link leads elsewhere.
 */
import * as fs from 'node:fs'

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = fs.constants

/**
 * To open a pipe waits for nobody, and to open a terminal does not make it that of this process.
 * Windows has none of these flags.
 */
export const NO_WAIT: number = (O_NONBLOCK ?? 0) | (O_NOCTTY ?? 0)
/** A link that the path ends in is an error. One on the way there is followed. */
export const NO_FOLLOW: number = O_NOFOLLOW ?? 0

/** What opening says of a link that is not to be followed, and of a socket. */
const IRREGULAR_CODES = ['ELOOP', 'EMLINK', 'ENXIO']

/** The error of an open in the words of `refuseIrregular`, where it means the same. */
export function asIrregular(error: NodeJS.ErrnoException, path: string): NodeJS.ErrnoException {
  return IRREGULAR_CODES.includes(error.code ?? '') ? irregular(path) : error
}

/** @throws `EISDIR` for a directory, `EFTYPE` for anything else that is no regular file */
export function refuseIrregular(stats: fs.Stats, path: string): void {
  if (stats.isFile()) return
  if (!stats.isDirectory()) throw irregular(path)
  throw Object.assign(new Error(`EISDIR: ${path} is a directory`), { code: 'EISDIR' })
}

const irregular = (path: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`EFTYPE: ${path} is not a regular file`), { code: 'EFTYPE' })
