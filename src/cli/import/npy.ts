/**
 * `.npy`, what `numpy.save` writes: versions 1.0, 2.0 and 3.0, C order, elements `f4` (kept bit for
 * bit), `f2` (exact in float32) or `f8` (rounded to float32; a number too large for that is
 * refused), in either byte order. A two-dimensional array is one vector a row, a one-dimensional
 * array is one vector. There are no ids: a vector's id is its row number, from 0.
 */
import type { WalError } from '../../mod.ts'
import { floatsFromBytes } from '../floats.ts'
import {
  checkDimensions,
  invalidFile,
  readHead,
  readRecords,
  sizeOf,
  type VectorFile,
  type VectorRow,
} from './file.ts'

const MAGIC = '\x93NUMPY'
/** Longest header that is read, in bytes: numpy itself refuses more than 10 000 by default. */
const MAX_HEADER_BYTES = 64 * 1024

const ELEMENT_TYPES = ['<f2', '>f2', '<f4', '>f4', '<f8', '>f8'] as const
type ElementType = (typeof ELEMENT_TYPES)[number]

interface Array2d {
  readonly elementType: ElementType
  readonly rows: number
  readonly dimensions: number
  readonly dataOffset: number
}

/**
 * @throws WalError `WALV_INVALID_FILE` where the header is not a supported one or the size does not
 * fit it; while reading, where a number does not fit float32. `WALV_PERMISSION`, `WALV_IO`.
 */
export async function openNpy(file: string): Promise<VectorFile> {
  const bytes = await sizeOf(file)
  const array = parseHeader(file, await readHead(file, MAX_HEADER_BYTES))
  const { rows, dimensions } = array
  const expected = array.dataOffset + rows * dimensions * elementBytes(array)
  if (bytes < expected) throw truncated(file, bytes, expected)
  if (bytes > expected) {
    const what = `the array of ${rows} × ${dimensions} ends, and ${bytes - expected} more bytes follow`
    throw invalidFile(file, expected, what, 'Save a single array with numpy.save.')
  }
  return { format: 'npy', bytes, rows, dimensions, read: () => readRows(file, array, expected) }
}

async function* readRows(file: string, array: Array2d, bytes: number): AsyncGenerator<VectorRow> {
  const recordBytes = array.dimensions * elementBytes(array)
  let row = 0
  let offset = array.dataOffset
  for await (const record of readRecords(file, array.dataOffset, recordBytes)) {
    const vector = toVector(array, record)
    const isDouble = elementBytes(array) === 8
    const tooLarge = isDouble ? vector.findIndex((x, i) => !fits(x, doubleAt(array, record, i))) : -1
    if (tooLarge !== -1) {
      const what = `row ${row} holds a number that is too large for float32`
      throw invalidFile(file, offset + tooLarge * 8, what, 'Scale the vectors, or save them as float32.')
    }
    offset += recordBytes
    yield { id: String(row), vector, where: `row ${row}`, endOffset: offset }
    row++
  }
  if (row < array.rows) throw truncated(file, offset, bytes)
}

function toVector(array: Array2d, record: Buffer): Float32Array {
  const isLittleEndian = array.elementType[0] === '<'
  if (elementBytes(array) === 4) return floatsFromBytes(record, isLittleEndian ? 'LE' : 'BE')
  const vector = new Float32Array(array.dimensions)
  for (let i = 0; i < vector.length; i++) {
    if (elementBytes(array) === 8) vector[i] = doubleAt(array, record, i)
    else vector[i] = fromHalf(isLittleEndian ? record.readUInt16LE(i * 2) : record.readUInt16BE(i * 2))
  }
  return vector
}

const doubleAt = ({ elementType }: Array2d, record: Buffer, i: number): number =>
  elementType === '<f8' ? record.readDoubleLE(i * 8) : record.readDoubleBE(i * 8)

/** The number of binary16: a sign, 5 bits of exponent, 10 of fraction. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Whether rounding made no infinity out of a number. */
function fits(rounded: number, exact: number): boolean {
  return Number.isFinite(rounded) || !Number.isFinite(exact)
}

function elementBytes(array: Array2d): number {
  return Number(array.elementType[2])
}

function parseHeader(file: string, head: Buffer): Array2d {
  if (head.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw invalidFile(file, 0, 'it does not begin as a .npy file does', 'Write it with numpy.save.')
  }
  if (head.length < 8) throw badHeader(file, 'the header is cut short')
  const version = `${head[6]}.${head[7]}`
  if (!['1.0', '2.0', '3.0'].includes(version)) {
    throw invalidFile(file, 6, `the format version is ${version}`, 'Versions 1.0, 2.0 and 3.0 can be read.')
  }
  const textOffset = version === '1.0' ? 10 : 12
  if (head.length < textOffset) throw badHeader(file, 'the header is cut short')
  const dataOffset = textOffset + (version === '1.0' ? head.readUInt16LE(8) : head.readUInt32LE(8))
  if (dataOffset > MAX_HEADER_BYTES)
    throw badHeader(file, `the header is longer than ${MAX_HEADER_BYTES} bytes`)
  if (dataOffset > head.length) throw badHeader(file, 'the header is cut short')
  const text = head.toString(version === '3.0' ? 'utf8' : 'latin1', textOffset, dataOffset)
  const elementType = parseElementType(file, text)
  return { elementType, ...parseShape(file, text), dataOffset }
}

/**
 * The header is a Python dictionary such as
 * `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
 */
function parseElementType(file: string, text: string): ElementType {
  const descr = /(['"])descr\1\s*:\s*(?:(['"])(.*?)\2|(\[))/s.exec(text)
  if (descr === null) throw badHeader(file, "the header does not name 'descr'")
  const elementType = descr[4] === undefined ? descr[3] : 'a structure'
  if (!isElementType(elementType)) {
    const hint = "Convert them: numpy.save(file, array.astype('<f4'))."
    throw invalidFile(
      file,
      0,
      `its elements are ${elementType}, not one of ${ELEMENT_TYPES.join(', ')}`,
      hint,
    )
  }
  const order = /(['"])fortran_order\1\s*:\s*(True|False)/.exec(text)
  if (order === null) throw badHeader(file, "the header does not name 'fortran_order'")
  if (order[2] === 'True') {
    const hint = 'Save it in C order: numpy.save(file, numpy.ascontiguousarray(array)).'
    throw invalidFile(file, 0, 'the array is in Fortran order', hint)
  }
  return elementType
}

const isElementType = (text: string | undefined): text is ElementType =>
  ELEMENT_TYPES.includes(text as ElementType)

function parseShape(file: string, text: string): { rows: number; dimensions: number } {
  const shape = /(['"])shape\1\s*:\s*\(([\d\s,L]*)\)/.exec(text)
  if (shape === null) throw badHeader(file, "the header does not name 'shape'")
  const sizes = (shape[2]!.match(/\d+/g) ?? []).map(Number)
  if (sizes.length !== 1 && sizes.length !== 2) {
    const hint = 'Save an array of two dimensions, a vector a row.'
    throw invalidFile(file, 0, `the array has ${sizes.length} dimensions`, hint)
  }
  const [rows, dimensions] = sizes.length === 1 ? [1, sizes[0]!] : [sizes[0]!, sizes[1]!]
  if (rows === 0) throw invalidFile(file, 0, 'it holds no vectors', 'Save an array of at least one row.')
  checkDimensions(file, 0, dimensions, 'each row')
  return { rows, dimensions }
}

function badHeader(file: string, what: string): WalError {
  return invalidFile(file, 0, what, 'Write the file again with numpy.save.')
}

function truncated(file: string, offset: number, expected: number): WalError {
  const what = `the file ends, where its header says that it has ${expected} bytes`
  return invalidFile(file, offset, what, 'Copy or write the file again.')
}
