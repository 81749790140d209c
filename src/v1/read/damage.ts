import type { Damage, SequenceRange } from '../../entry.ts'
import type { V1Piece } from './pieces.ts'

/** The log's numbers, as far as they are read. */
export class Numbering {
  #previous: bigint | undefined
  #atStart = true

  /** Behind a header a log may have been reopened, with any number. */
  startSection(): void {
    this.#atStart = true
  }

  pass(seq: bigint): void {
    this.#previous = seq
    this.#atStart = false
  }

  /**
   * A record that cannot be read used up its number if that is the next one; otherwise the number
   * is as doubtful as the rest of it.
   */
  passUnread(seq: bigint): void {
    if (seq === this.#next) this.pass(seq)
  }

  /** Whether the next record can bear `seq`, or a number that cannot be read. */
  canFollow(seq: bigint | undefined): boolean {
    return seq === undefined || this.#atStart || seq === this.#next
  }

  /** The first number that is lost where a record is that seems to bear `seq`. */
  lostFrom(seq: bigint | undefined): bigint {
    return this.#atStart && seq !== undefined ? seq : this.#next
  }

  get #next(): bigint {
    return this.#previous === undefined ? 0n : this.#previous + 1n
  }

  /** What is wrong with the number of the next record, if anything is. */
  disorder(seq: bigint): Finding | undefined {
    if (this.#previous === undefined || seq > this.#previous) return undefined
    const [acknowledged, reason] = this.#atStart
      ? [false, 'the log was reopened here and started over, or the clock was set back. Nothing is lost']
      : [null, 'two writers shared the log, or the number is damaged. The record is read all the same']
    const detail = `Record ${seq} stands behind record ${this.#previous}: ${reason}.`
    return { kind: 'order', acknowledged, seqs: [], ids: [], detail }
  }
}

/** A damage but for its place. */
export type Finding = Omit<Damage, 'file' | 'offset' | 'bytes'>

export type BadPiece = Exclude<V1Piece, { is: 'header' | 'record' }>

/** Whether this is what a crash in the middle of writing leaves at the end of the last file. */
export function looksTorn(piece: V1Piece, numbers: Numbering): boolean {
  return piece.is === 'zeros' ? piece.toEnd : piece.is === 'cut' && numbers.canFollow(piece.seq)
}

/** What a piece without a record means; `torn` if it is the torn end of the log. */
export function findingOf(piece: BadPiece, numbers: Numbering, torn: boolean): Finding {
  const kind = torn ? 'torn-tail' : 'corrupt'
  const acknowledged = null
  switch (piece.is) {
    case 'no-header':
      return withoutHeader(piece, numbers)
    case 'undecodable': {
      const detail = `Record ${piece.seq} cannot be read: ${piece.reason}. Reading goes on with the next record.`
      return { kind, acknowledged, seqs: [{ from: piece.seq, through: piece.seq }], ids: piece.ids, detail }
    }
    case 'unreadable': {
      const detail = `Where records begin and end is lost for ${piece.bytes} bytes: ${piece.reason}.`
      return { kind, acknowledged, seqs: openRange(numbers, piece.seq), ids: piece.ids, detail }
    }
    case 'zeros': {
      const detail = `There is nothing but zeros in ${piece.bytes} bytes${torn ? ' at the end of the log' : ''}.`
      return { kind, acknowledged, seqs: openRange(numbers), ids: [], detail }
    }
    case 'cut': {
      const detail = torn
        ? 'The log ends in a record that was cut short while it was written.'
        : 'The file ends in a record that is cut short, but the log goes on elsewhere or it is not the record that comes next.'
      return { kind, acknowledged, seqs: openRange(numbers, piece.seq), ids: piece.ids, detail }
    }
  }
}

function withoutHeader(piece: BadPiece & { is: 'no-header' }, numbers: Numbering): Finding {
  if (piece.short) {
    const detail = `The file was never finished: ${piece.reason}. There is no record in it.`
    return { kind: 'torn-creation', acknowledged: false, seqs: [], ids: [], detail }
  }
  const detail = `The file is not read: ${piece.reason}.`
  return { kind: 'segment-header', acknowledged: null, seqs: openRange(numbers), ids: [], detail }
}

const openRange = (numbers: Numbering, seq?: bigint): SequenceRange[] => [
  { from: numbers.lostFrom(seq), through: null },
]

export const isOpen = (damage: Damage): boolean => damage.seqs[0]?.through === null

/**
 * An open damage, now that the record behind it is known: it lost what is missing between the two,
 * unless the numbers start over there.
 */
export function closedBefore(damage: Damage, seq: bigint): Damage {
  const from = damage.seqs[0]!.from as bigint
  if (seq < from) return damage
  return { ...damage, seqs: seq === from ? [] : [{ from, through: seq - 1n }] }
}
