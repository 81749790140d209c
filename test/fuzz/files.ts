/**
 * Several files as one input, so that whatever changes bytes can change names and lengths too. Any
 * bytes are some files.
 */
import type { Random } from '../../src/testing/random.ts'
import { bufferOf, MAX_INPUT_BYTES } from './mutate-bytes.ts'
import type { Parts } from './target.ts'

export interface InputFile {
  readonly name: string
  readonly bytes: Buffer
  /** Whether the checksums in it are made right before it is read. */
  readonly sealed: boolean
}

const MOST_FILES = 8
const SEALED = 0x80
const LENGTH_BYTES = 3

/**
 * For each file: a byte with the length of its name and the flag for sealing, the name, the length
 * of its content in 3 bytes, the content.
 */
export function pack(files: readonly InputFile[]): Buffer {
  return Buffer.concat(
    files.flatMap(({ name, bytes, sealed }) => {
      const nameBytes = Buffer.from(name, 'latin1').subarray(0, SEALED - 1)
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUIntLE(bytes.length, 0, LENGTH_BYTES)
      return [Buffer.of(nameBytes.length | (sealed ? SEALED : 0)), nameBytes, length, bytes]
    }),
  )
}

/** What is cut short is taken as far as it goes. */
export function unpack(input: Uint8Array): InputFile[] {
  const bytes = bufferOf(input)
  const files: InputFile[] = []
  for (let at = 0; at < bytes.length && files.length < MOST_FILES; ) {
    const flags = bytes[at]!
    const nameEnd = at + 1 + (flags & ~SEALED)
    const contentAt = nameEnd + LENGTH_BYTES
    if (contentAt > bytes.length) break
    const name = bytes.toString('latin1', at + 1, nameEnd)
    const end = contentAt + bytes.readUIntLE(nameEnd, LENGTH_BYTES)
    files.push({ name, bytes: Buffer.from(bytes.subarray(contentAt, end)), sealed: (flags & SEALED) !== 0 })
    at = end
  }
  return files
}

export const fileParts: Parts = {
  of: (input) => unpack(input).map(({ bytes }) => bytes),
  replace: (input, index, part) =>
    pack(unpack(input).with(index, { ...unpack(input)[index]!, bytes: Buffer.from(part) })),
}

/** Changes one file's content with `mutate`, or which files there are, or under which names. */
export function mutateFiles(
  random: Random,
  input: Uint8Array,
  other: Uint8Array,
  mutate: (random: Random, bytes: Buffer, donor: Buffer) => Buffer,
): Buffer {
  const files = unpack(input)
  const donors = unpack(other)
  const donor = donors.length > 0 ? random.pick(donors) : undefined
  const index = random.below(files.length)
  const file = files[index]
  if (file === undefined) return Buffer.from(other)
  const chance = random.below(20)
  if (chance === 0) files.splice(index, 1)
  else if (chance === 1 && donor) files.splice(index, 0, donor)
  else if (chance === 2) files.push({ ...file, name: renamed(random, file.name, files) })
  else if (chance === 3) files[index] = { ...file, name: renamed(random, file.name, files) }
  else if (chance === 4) files[index] = { ...file, sealed: !file.sealed }
  else files[index] = { ...file, bytes: mutate(random, file.bytes, donor?.bytes ?? file.bytes) }
  return pack(files).subarray(0, MAX_INPUT_BYTES)
}

/** The name of another file, or one with another character, most of which are digits. */
function renamed(random: Random, name: string, files: readonly InputFile[]): string {
  if (random.chance(0.3)) return random.pick(files).name
  const at = random.below(name.length)
  const old = name[at] ?? ''
  return (
    name.slice(0, at) +
    (/\d/.test(old) ? random.below(10) : random.pick(['', old + old, '/', 'x'])) +
    name.slice(at + 1)
  )
}
