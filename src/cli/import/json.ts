/**
 * `.json`: an array, whose elements are read one by one however long it is, or one object in a
 * shape of `shapes.ts`, which is read whole and may be as large as one element.
 */
import { invalidFile, readChunks, sizeOf, type VectorFile } from './file.ts'
import { type Placed, type RowOptions, rowsOf } from './row-parser.ts'
import { parseJson } from './text-values.ts'

/** Largest object that is read whole. */
export const MAX_OBJECT_BYTES: number = 256 * 1024 * 1024
const HINT = 'Write an array of objects such as [{"id":"a","vector":[1,2]}].'

/** @throws WALV_INVALID_FILE, also while reading; WALV_PERMISSION, WALV_IO */
export async function openJson(file: string, options: RowOptions = {}): Promise<VectorFile> {
  const bytes = await sizeOf(file)
  const read = () => rowsOf(file, valuesOf(file), options)
  for await (const { vector } of read())
    return { format: 'json', bytes, rows: undefined, dimensions: vector.length, read }
  throw invalidFile(file, 0, 'it holds no vectors', HINT)
}

async function* valuesOf(file: string): AsyncGenerator<Placed, void, void> {
  const splitter = new ElementSplitter(file)
  let offset = 0
  for await (const chunk of readChunks(file)) {
    yield* splitter.push(chunk, offset)
    offset += chunk.length
  }
  splitter.end(offset)
}

const [SPACE, QUOTE, COMMA, OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] =
  Buffer.from(' ",[\\]{}')
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/**
 * Cuts the elements of the outermost array out of a file, or the one object that the file is. What
 * is within them, `JSON.parse` checks.
 */
class ElementSplitter {
  readonly #file: string
  /** Undefined until the first byte that is not white space. */
  #isArray: boolean | undefined
  #depth = 0
  #inString = false
  #isEscaped = false
  #isOver = false
  #pieces: Buffer[] = []
  #bytes = 0
  #start = 0
  #row = 0

  constructor(file: string) {
    this.#file = file
  }

  *push(chunk: Buffer, offset: number): Generator<Placed, void, void> {
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) this.#inString = false
        continue
      }
      if (this.#isArray === undefined) {
        if (this.#begins(byte, offset + at)) from = this.#isArray ? at + 1 : at
        continue
      }
      if (byte <= SPACE!) continue
      if (this.#isOver) throw this.#invalid(offset + at, 'something follows its end')
      if (byte === QUOTE) this.#inString = true
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#depth++
      else if (byte === COMMA && this.#depth === 1 && this.#isArray) {
        yield this.#element(chunk.subarray(from, at), offset + at)
        from = at + 1
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        this.#depth--
        if (this.#depth > 0) continue
        this.#isOver = true
        const last = chunk.subarray(from, this.#isArray ? at : at + 1)
        if (this.#isArray && byte !== CLOSE_ARRAY) throw this.#invalid(offset + at, 'its array ends in "}"')
        if (this.#row > 0 || !this.#isArray || !this.#isBlank(last)) yield this.#element(last, offset + at)
        from = chunk.length
      }
    }
    this.#keep(chunk.subarray(from), offset + from)
  }

  end(offset: number): void {
    if (this.#isOver) return
    throw this.#invalid(offset, this.#isArray === undefined ? 'it is empty' : 'it ends before its JSON does')
  }

  #begins(byte: number, offset: number): boolean {
    if (byte <= SPACE! || (offset < 3 && byte === BYTE_ORDER_MARK[offset])) return false
    if (byte !== OPEN_ARRAY && byte !== OPEN_OBJECT)
      throw this.#invalid(offset, 'it is neither an array nor an object')
    this.#isArray = byte === OPEN_ARRAY
    this.#depth = 1
    this.#start = this.#isArray ? offset + 1 : offset
    return true
  }

  #isBlank(last: Buffer): boolean {
    return (
      this.#pieces.every((piece) => piece.toString('latin1').trim() === '') &&
      last.toString('latin1').trim() === ''
    )
  }

  #keep(piece: Buffer, offset: number): void {
    if (this.#isArray === undefined || this.#isOver || piece.length === 0) return
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#bytes <= MAX_OBJECT_BYTES) return
    const what = this.#isArray ? `element ${this.#row} is` : 'it is one object that is'
    throw this.#invalid(offset, `${what} larger than ${MAX_OBJECT_BYTES} bytes`)
  }

  #element(last: Buffer, end: number): Placed {
    const bytes = Buffer.concat([...this.#pieces, last])
    const where = this.#isArray ? `element ${this.#row++}` : 'the object'
    const place = { where, offset: this.#start, endOffset: end + 1 }
    this.#pieces = []
    this.#bytes = 0
    this.#start = end + 1
    const value = parseJson(this.#file, bytes, place, HINT)
    if (value === undefined) throw this.#invalid(place.offset, `${where} is empty`)
    return { value, ...place }
  }

  #invalid(offset: number, what: string): Error {
    return invalidFile(this.#file, offset, what, HINT)
  }
}
