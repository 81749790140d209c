/**
 * `.npz`, what `numpy.savez` and `savez_compressed` write: a zip archive with an `.npy` file for
 * each array. It is read where it holds one array, or one that is named `vectors` or `embeddings`;
 * that one is unpacked to a temporary file.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'
import { quote } from '../text.ts'
import { invalidFile, sizeOf } from './file.ts'

const NAMES = ['vectors.npy', 'embeddings.npy']
const HINT = 'Write it again with numpy.savez(file, vectors=array).'
const END_SIGNATURE = 0x06054b50
const END_BYTES = 22
const MAX_COMMENT_BYTES = 0xffff
const ENTRY_SIGNATURE = 0x02014b50
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024

interface Member {
  readonly name: string
  readonly method: number
  readonly bytes: number
  readonly offset: number
}

/** Writes the array of an archive to `target`. @throws WALV_INVALID_FILE */
export async function unpackArray(file: string, target: string): Promise<void> {
  const members = await directoryOf(file, await sizeOf(file))
  const arrays = members.filter(({ name }) => name.endsWith('.npy'))
  const named = arrays.filter(({ name }) => NAMES.includes(name))
  const [array, another] = named.length > 0 ? named : arrays
  if (array === undefined) throw invalidFile(file, 0, 'it holds no array', HINT)
  if (another !== undefined) {
    const names = arrays.slice(0, 5).map(({ name }) => quote(name))
    throw invalidFile(
      file,
      0,
      `it holds several arrays (${names.join(', ')})`,
      'Name the right one "vectors".',
    )
  }
  if (array.method !== 0 && array.method !== 8)
    throw invalidFile(file, array.offset, `${quote(array.name)} is packed by method ${array.method}`, HINT)
  const start = await contentOffset(file, array)
  if (array.bytes === 0) throw invalidFile(file, start, `${quote(array.name)} is empty`, HINT)
  const content = createReadStream(file, { start, end: start + array.bytes - 1 })
  const parts = array.method === 0 ? [content] : [content, createInflateRaw()]
  await pipeline([...parts, createWriteStream(target)]).catch((cause) => {
    throw invalidFile(
      file,
      start,
      `${quote(array.name)} cannot be unpacked`,
      'Copy or write the file again.',
      cause,
    )
  })
}

async function directoryOf(file: string, size: number): Promise<Member[]> {
  const tail = await readAt(file, Math.max(0, size - END_BYTES - MAX_COMMENT_BYTES), size)
  let at = tail.length - END_BYTES
  while (at >= 0 && tail.readUInt32LE(at) !== END_SIGNATURE) at--
  if (at < 0)
    throw invalidFile(file, size, 'it does not end as an archive does', 'Copy or write the file again.')
  const count = tail.readUInt16LE(at + 10)
  const bytes = tail.readUInt32LE(at + 12)
  const start = tail.readUInt32LE(at + 16)
  if (start === 0xffffffff || bytes > MAX_DIRECTORY_BYTES || start + bytes > size)
    throw invalidFile(
      file,
      size - tail.length + at,
      'its list of files is not in it, or is larger than 4 GiB',
      HINT,
    )
  return membersIn(file, await readAt(file, start, start + bytes), count, start)
}

function membersIn(file: string, list: Buffer, count: number, start: number): Member[] {
  const members: Member[] = []
  for (let at = 0; members.length < count; ) {
    if (at + ENTRY_BYTES > list.length || list.readUInt32LE(at) !== ENTRY_SIGNATURE)
      throw invalidFile(file, start + at, 'its list of files is not whole', 'Copy or write the file again.')
    const nameBytes = list.readUInt16LE(at + 28)
    const name = list.toString('utf8', at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)
    const extraAt = at + ENTRY_BYTES + nameBytes
    const extraBytes = list.readUInt16LE(at + 30)
    members.push({
      name,
      method: list.readUInt16LE(at + 10),
      ...placeOf(list, at, extraAt, extraAt + extraBytes),
    })
    at = extraAt + extraBytes + list.readUInt16LE(at + 32)
  }
  return members
}

/**
 * numpy may write the sizes with 64 bits (zip64), in an extra field: unpacked, packed, offset, each
 * where the usual place has all ones.
 */
function placeOf(
  list: Buffer,
  at: number,
  extraAt: number,
  extraEnd: number,
): { bytes: number; offset: number } {
  const usual = [list.readUInt32LE(at + 24), list.readUInt32LE(at + 20), list.readUInt32LE(at + 42)]
  let next = wideFields(list, extraAt, extraEnd)
  const [, bytes, offset] = usual.map((value) => {
    if (value !== 0xffffffff || next === undefined || next + 8 > list.length) return value
    next += 8
    return Number(list.readBigUInt64LE(next - 8))
  })
  return { bytes: bytes!, offset: offset! }
}

function wideFields(list: Buffer, from: number, end: number): number | undefined {
  for (let at = from; at + 4 <= Math.min(end, list.length); at += 4 + list.readUInt16LE(at + 2))
    if (list.readUInt16LE(at) === 1) return at + 4
  return undefined
}

async function contentOffset(file: string, { offset }: Member): Promise<number> {
  const head = await readAt(file, offset, offset + LOCAL_BYTES)
  if (head.length < LOCAL_BYTES) throw invalidFile(file, offset, 'it ends within a file', 'Copy it again.')
  return offset + LOCAL_BYTES + head.readUInt16LE(26) + head.readUInt16LE(28)
}

async function readAt(file: string, from: number, to: number): Promise<Buffer> {
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from)
  return buffer.subarray(0, bytesRead)
}
