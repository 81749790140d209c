import { createHash } from 'node:crypto'

/**
 * A small file that says something in JSON: one line of it, then the SHA-256 of that line, in hex.
 */
export function encodeSummed(value: object): Buffer {
  const line = JSON.stringify(value)
  return Buffer.from(`${line}\n${sumOf(line)}\n`)
}

/** Undefined where it is not whole. */
export function decodeSummed(content: Buffer): unknown {
  const [line, sum] = content.toString('utf8').split('\n')
  if (line === undefined || sum !== sumOf(line)) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const sumOf = (line: string): string => createHash('sha256').update(line).digest('hex')
