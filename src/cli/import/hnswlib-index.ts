/**
 * The file that hnswlib writes (`HierarchicalNSW.writeIndex` of hnswlib-node 3, on a 64-bit
 * little-endian machine): a header of 96 bytes; for each point its links on level 0, its vector and
 * its label; then, for each point, its links on the levels above. It has no checksum, so it is read
 * here, where every length is checked, and not by native code.
 */
import { floatsFromBytes } from '../floats.ts'
import { checkDimensions, invalidFile, readChunks, readHead, readRecords, sizeOf } from './file.ts'

const HEADER_BYTES = 96
const LABEL_BYTES = 8
const LINK_BYTES = 4
/** In the third byte of a point's links. */
const DELETED = 1
const HINT = 'Save the store again.'

export interface HnswlibIndex {
  readonly bytes: number
  readonly count: number
  readonly dimensions: number
  points(): AsyncGenerator<HnswlibPoint>
}

export interface HnswlibPoint {
  readonly label: number
  readonly vector: Float32Array
  readonly deleted: boolean
  readonly offset: number
}

interface Layout {
  readonly count: number
  readonly pointBytes: number
  readonly vectorOffset: number
  readonly labelOffset: number
  /** Links of a point on level 0, and on each level above, at most. */
  readonly maxLinks0: number
  readonly maxLinks: number
  readonly maxLevel: number
}

/**
 * @throws WALV_INVALID_FILE if the file is not whole, also while reading; WALV_PERMISSION, WALV_IO
 */
export async function openHnswlibIndex(file: string): Promise<HnswlibIndex> {
  const bytes = await sizeOf(file, HINT)
  const layout = parseHeader(file, await readHead(file, HEADER_BYTES))
  const linksOffset = HEADER_BYTES + layout.count * layout.pointBytes
  if (linksOffset > bytes)
    throw invalidFile(file, bytes, `it ends, where ${layout.count} points should be`, HINT)
  await checkUpperLinks(file, layout, linksOffset, bytes)
  const dimensions = (layout.labelOffset - layout.vectorOffset) / 4
  return { bytes, count: layout.count, dimensions, points: () => readPoints(file, layout) }
}

function parseHeader(file: string, head: Buffer): Layout {
  if (head.length < HEADER_BYTES) throw invalidFile(file, head.length, 'it ends within its header', HINT)
  const sizeAt = (offset: number): number => Number(head.readBigUInt64LE(offset))
  const [level0Offset, capacity, count, pointBytes, labelOffset, vectorOffset] = [0, 8, 16, 24, 32, 40].map(
    sizeAt,
  )
  const [maxLinks, maxLinks0, m] = [56, 64, 72].map(sizeAt)
  const agrees =
    level0Offset === 0 &&
    count! <= capacity! &&
    vectorOffset === LINK_BYTES * (maxLinks0! + 1) &&
    labelOffset! > vectorOffset &&
    (labelOffset! - vectorOffset) % 4 === 0 &&
    pointBytes === labelOffset! + LABEL_BYTES &&
    maxLinks === m
  if (!agrees) throw invalidFile(file, 0, 'its header is not that of an hnswlib index', HINT)
  checkDimensions(file, 32, (labelOffset! - vectorOffset!) / 4, 'the index')
  return {
    count: count!,
    pointBytes: pointBytes!,
    vectorOffset: vectorOffset!,
    labelOffset: labelOffset!,
    maxLinks0: maxLinks0!,
    maxLinks: maxLinks!,
    maxLevel: head.readInt32LE(48),
  }
}

async function* readPoints(file: string, layout: Layout): AsyncGenerator<HnswlibPoint> {
  const { count, pointBytes, vectorOffset, labelOffset } = layout
  let number = 0
  for await (const record of readRecords(file, HEADER_BYTES, pointBytes)) {
    if (number === count) return
    const offset = HEADER_BYTES + number * pointBytes
    const links = record.readUInt16LE(0)
    if (links > layout.maxLinks0) throw invalidFile(file, offset, `point ${number} has ${links} links`, HINT)
    checkLinks(file, offset, record.subarray(LINK_BYTES, LINK_BYTES * (links + 1)), count)
    yield {
      label: Number(record.readBigUInt64LE(labelOffset)),
      vector: floatsFromBytes(record.subarray(vectorOffset, labelOffset)),
      deleted: (record[2]! & DELETED) !== 0,
      offset,
    }
    number++
  }
  if (number < count)
    throw invalidFile(file, HEADER_BYTES + number * pointBytes, 'it ends within a point', HINT)
}

/** For each point the length of its links above level 0, then these; nothing follows. */
async function checkUpperLinks(file: string, layout: Layout, start: number, end: number): Promise<void> {
  const levelBytes = LINK_BYTES * (layout.maxLinks + 1)
  let pieces: Buffer[] = []
  let pieceBytes = 0
  /**
   * So many are there before the next point is looked at: what claims much is not put together
   * again for each piece.
   */
  let needed = LINK_BYTES
  let offset = start
  let points = 0
  for await (const chunk of readChunks(file, start)) {
    pieces.push(chunk)
    pieceBytes += chunk.length
    if (points < layout.count && pieceBytes < needed) continue
    let rest: Buffer = Buffer.concat(pieces)
    while (points < layout.count && rest.length >= LINK_BYTES) {
      const bytes = rest.readUInt32LE(0)
      if (bytes % levelBytes !== 0 || bytes > levelBytes * layout.maxLevel || bytes > end - offset)
        throw invalidFile(file, offset, `the links of point ${points} have ${bytes} bytes`, HINT)
      needed = LINK_BYTES + bytes
      if (rest.length < needed) break
      for (let level = LINK_BYTES; level < LINK_BYTES + bytes; level += levelBytes) {
        const links = rest.readUInt16LE(level)
        if (links > layout.maxLinks)
          throw invalidFile(file, offset, `point ${points} has ${links} links`, HINT)
        checkLinks(
          file,
          offset,
          rest.subarray(level + LINK_BYTES, level + LINK_BYTES * (links + 1)),
          layout.count,
        )
      }
      rest = rest.subarray(needed)
      offset += needed
      needed = LINK_BYTES
      points++
    }
    pieces = [rest]
    pieceBytes = rest.length
    if (points === layout.count && rest.length > 0) break
  }
  if (points < layout.count)
    throw invalidFile(file, offset, `it ends within the links of point ${points}`, HINT)
  if (offset !== end) throw invalidFile(file, offset, `${end - offset} bytes follow its end`, HINT)
}

function checkLinks(file: string, offset: number, links: Buffer, count: number): void {
  for (let at = 0; at < links.length; at += LINK_BYTES) {
    const point = links.readUInt32LE(at)
    if (point >= count) throw invalidFile(file, offset, `a link leads to point ${point}, of ${count}`, HINT)
  }
}
