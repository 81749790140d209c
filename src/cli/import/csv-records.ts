/** The records of a CSV file (RFC 4180), in memory bounded by the longest that is allowed. */
import { invalidFile, readChunks } from './file.ts'
import { MAX_LINE_BYTES } from './lines.ts'
import { toText } from './text-values.ts'

export interface CsvRecord {
  readonly fields: readonly string[]
  /** From 0, which is the header. */
  readonly number: number
  readonly offset: number
  readonly endOffset: number
}

const LINE_FEED = 0x0a
const QUOTE = 0x22

/** Empty lines are passed over. @throws WALV_INVALID_FILE */
export async function* readCsvRecords(file: string): AsyncGenerator<CsvRecord, void, void> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = 0
  let number = 0
  /** Where the search goes on in `rest`, and whether that is within quotes. */
  let seen = 0
  let isQuoted = false
  const record = (bytes: Buffer, end: number): CsvRecord | undefined => {
    const text = toText(file, bytes, { where: `record ${number}`, offset, endOffset: end }).replace(/\r$/, '')
    if (text === '') return undefined
    return { fields: fieldsOf(file, text, number, offset), number: number++, offset, endOffset: end }
  }
  for await (const chunk of readChunks(file)) {
    const bytes = Buffer.concat([rest, chunk])
    let start = 0
    for (let at = seen; at < bytes.length; at++) {
      if (bytes[at] === QUOTE) isQuoted = !isQuoted
      if (bytes[at] !== LINE_FEED || isQuoted) continue
      const found = record(bytes.subarray(start, at), offset + at + 1 - start)
      if (found) yield found
      offset += at + 1 - start
      start = at + 1
    }
    rest = bytes.subarray(start)
    seen = rest.length
    if (rest.length > MAX_LINE_BYTES)
      throw invalidFile(
        file,
        offset,
        `record ${number} is longer than ${MAX_LINE_BYTES} bytes`,
        'Close its quotes.',
      )
  }
  if (isQuoted)
    throw invalidFile(file, offset, `record ${number} ends within quotes`, 'Copy or write the file again.')
  const last = record(rest, offset + rest.length)
  if (last) yield last
}

/** A quote within quotes is written twice. */
function fieldsOf(file: string, text: string, number: number, offset: number): string[] {
  const fields: string[] = []
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy
  for (;;) {
    const found = pattern.exec(text)
    if (found === null)
      throw invalidFile(file, offset, `record ${number} has a quote within a field`, 'Quote the whole field.')
    fields.push(found[1] === undefined ? found[2]! : found[1].replaceAll('""', '"'))
    if (found[3] === '') return fields
  }
}
