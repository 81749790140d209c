import { join } from 'node:path'
import type { Disk, DiskEntry } from '../../disk/disk.ts'
import type { Damage } from '../../entry.ts'
import { cannotBeFile } from '../../log/recover/directory.ts'
import { checkOptions, type OptionNames } from '../../option-names.ts'
import { directoryError } from '../disk-error.ts'
import type { V1Record } from '../format/entry.ts'
import { isV1SegmentName, V1_HEADER_BYTES } from '../format/segment.ts'
import { type BadPiece, closedBefore, findingOf, isOpen, looksTorn, Numbering } from './damage.ts'
import { aborted, FileWindow } from './file-window.ts'
import { type V1Piece, walkV1Segment } from './pieces.ts'

/** A record, or a place where something is wrong. */
export type V1Item =
  | {
      readonly record: V1Record
      /**
       * Headers before the record, not counting the first: grows with every file and with every
       * header repeated in one.
       */
      readonly section: number
      readonly damage?: undefined
    }
  | { readonly damage: Damage; readonly record?: undefined }

export interface V1ReadOptions {
  readonly signal?: AbortSignal | undefined
}

const V1_READ_OPTIONS: OptionNames<V1ReadOptions> = { signal: true }

/**
 * Reads a directory of format v1: every record that decodes, in the order of file names (by byte)
 * and offsets, also behind a header repeated in mid-file, and every damage at its place among them.
 * Never writes, and takes at most 1 MiB beside the record it yields. A file is read as far as it
 * reaches when it is opened.
 *
 * v1 promises nothing, so `acknowledged` is `null` wherever a record may be lost. Where it cannot
 * be known how many are, `seqs` is what is missing between the record before and the record behind.
 * What v1 cannot show is not reported: a changed byte that still decodes, a gap in the numbers, a
 * file cut between two records.
 *
 * - `torn-tail`: the last file with records ends in a record cut short, or in zeros. It is
 *   `corrupt` instead if it is not the last, or if the record does not bear the next number.
 * - `corrupt`: a payload that is no entry, after which reading goes on with the next frame; or
 *   bytes in which no frame can be told, after which it goes on with the next repeated header, or
 *   else with the next file.
 * - `torn-creation`, `segment-header`: a file that is shorter than a header, or has none of v1; it
 *   is not read.
 * - `foreign`: something named like a segment that is no file; it is left alone.
 * - `order`: a number not higher than the one before. At the first record behind a header nothing
 *   is lost (`acknowledged` is `false`): the log was reopened there and started over.
 *
 * @throws WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION, WALV_IO, WALV_ABORTED
 */
export async function* readV1Directory(
  disk: Disk,
  directory: string,
  options: V1ReadOptions = {},
): AsyncGenerator<V1Item> {
  checkOptions('readV1Directory', options, V1_READ_OPTIONS)
  const { signal } = options
  const { segments, others } = await listSegments(disk, directory)
  for (const entry of others) yield { damage: await foreign(disk, directory, entry) }
  const log = new LogSoFar()
  for (const [position, name] of segments.entries()) {
    const window = await FileWindow.open(disk, join(directory, name), signal)
    if (window === undefined) continue
    try {
      for await (const piece of walkV1Segment(window)) {
        if (signal?.aborted) throw aborted(signal)
        const torn =
          log.mayEndWith(piece) && !(await anyRecords(disk, directory, segments.slice(position + 1)))
        for (const item of log.add(name, piece, torn)) yield item
      }
    } finally {
      await window.close()
    }
  }
  for (const item of log.end()) yield item
}

/** Makes items of pieces, each in the light of those before it. */
class LogSoFar {
  readonly #numbers = new Numbering()
  #section = -1
  /** Damage of unknown extent waits for the record behind it. */
  #open: Damage | undefined

  /** Whether this is torn if no record stands behind it. */
  mayEndWith(piece: V1Piece): boolean {
    return looksTorn(piece, this.#numbers)
  }

  add(file: string, piece: V1Piece, torn: boolean): V1Item[] {
    switch (piece.is) {
      case 'header':
        this.#section++
        this.#numbers.startSection()
        return []
      case 'record':
        return this.#record(file, piece)
      default:
        return this.#damage(file, piece, torn)
    }
  }

  end(): V1Item[] {
    return this.#open ? [{ damage: this.#open }] : []
  }

  #record(file: string, piece: V1Piece & { is: 'record' }): V1Item[] {
    const { seq, entry, offset, payload, trailingBytes } = piece
    const items: V1Item[] = this.#open ? [{ damage: closedBefore(this.#open, seq) }] : []
    this.#open = undefined
    const disorder = this.#numbers.disorder(seq)
    if (disorder) items.push({ damage: { file, offset, bytes: piece.bytes, ...disorder } })
    this.#numbers.pass(seq)
    items.push({ record: { seq, entry, file, offset, payload, trailingBytes }, section: this.#section })
    return items
  }

  #damage(file: string, piece: BadPiece, torn: boolean): V1Item[] {
    const items = this.end()
    const damage = {
      file,
      offset: piece.offset,
      bytes: piece.bytes,
      ...findingOf(piece, this.#numbers, torn),
    }
    if (piece.is === 'undecodable') this.#numbers.passUnread(piece.seq)
    this.#open = isOpen(damage) ? damage : undefined
    if (this.#open === undefined) items.push({ damage })
    return items
  }
}

async function anyRecords(disk: Disk, directory: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const window = await FileWindow.open(disk, join(directory, name))
    await window?.close()
    if (window && window.size > V1_HEADER_BYTES) return true
  }
  return false
}

/** The segments in reading order, and what is only named like one. */
async function listSegments(
  disk: Disk,
  directory: string,
): Promise<{ segments: string[]; others: DiskEntry[] }> {
  const entries = await disk.list(directory).catch((error) => {
    throw directoryError(error, directory)
  })
  const named = entries
    .filter(({ name }) => isV1SegmentName(name))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  return {
    segments: named.filter(({ kind }) => kind === 'file').map(({ name }) => name),
    others: named.filter(({ kind }) => kind !== 'file'),
  }
}

/**
 * Not opened: opening a pipe would wait for its writer. What a link leads to may hold records,
 * unless it leads to a directory or nowhere.
 */
async function foreign(disk: Disk, directory: string, { name, kind }: DiskEntry): Promise<Damage> {
  const empty = kind === 'directory' || (await cannotBeFile(disk, join(directory, name)))
  const detail = empty
    ? 'This is named like a segment but is no file; it is left alone.'
    : 'This is named like a segment but is a link, a pipe or a device; it is not read. If it is a link, put the file in its place.'
  const acknowledged = empty ? false : null
  return { kind: 'foreign', file: name, offset: 0, bytes: 0, acknowledged, seqs: [], ids: [], detail }
}
