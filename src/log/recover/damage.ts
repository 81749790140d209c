import { echo } from '../../echo.ts'
import type { Damage, SequenceRange } from '../../entry.ts'
import type { Spot } from '../segment/segment-scan.ts'

/**
 * Tells what a bad place means. Promised records that are gone are a loss; what no promise covers, at the end of the log, is a torn tail: it was
 * never acknowledged, or its acknowledgement was never promised.
 */
export function damageOf(spot: Spot, durableBefore: number, endSeq: number): Damage {
  const lostBefore = Math.min(spot.lostThrough === null ? Number.POSITIVE_INFINITY : spot.lostThrough + 1, endSeq)
  const base = { file: spot.file, offset: spot.offset, bytes: spot.bytes, ids: spot.ids }
  const place = `${spot.file} at offset ${spot.offset}`
  if (spot.lostThrough !== null && spot.lostThrough < spot.lostFrom) {
    return {
      ...base,
      kind: spot.kind,
      acknowledged: false,
      seqs: [],
      detail: `${place}: ${spot.reason}; no record is lost.`,
    }
  }
  if (spot.lostFrom >= durableBefore && spot.kind === 'unreadable') {
    const detail = `${place}: ${spot.reason}. It may hold records from ${spot.lostFrom} on. ${TRY_AGAIN}`
    return { ...base, kind: spot.kind, acknowledged: null, seqs: [], detail }
  }
  if (spot.lostFrom >= durableBefore) {
    const detail = `${place}: the log was cut short while it was written, from record ${spot.lostFrom} on. Nothing promised to be durable is lost.`
    return { ...base, kind: 'torn-tail', acknowledged: false, seqs: [], detail }
  }
  const seqs: SequenceRange[] = [{ from: spot.lostFrom, through: lostBefore - 1 }]
  const detail = `${place}: ${spot.reason}; acknowledged ${rangeText(spot.lostFrom, lostBefore - 1)}${idText(spot.ids)}.${unreadableText(spot, durableBefore)}`
  return { ...base, kind: spot.kind, acknowledged: true, seqs, detail }
}

/** What is promised to be there is known; what else is there is not. */
function unreadableText({ kind, lostThrough }: Spot, durableBefore: number): string {
  if (kind !== 'unreadable') return ''
  const more = lostThrough === null || lostThrough >= durableBefore
  return more ? ` It may hold records from ${durableBefore} on, too. ${TRY_AGAIN}` : ` ${TRY_AGAIN}`
}

const TRY_AGAIN = 'It may be readable later: open again, and copy the directory to another disk, before anything else.'

function rangeText(from: number, through: number): string {
  return from === through ? `record ${from} is lost` : `records ${from} to ${through} are lost`
}

/** Ids that a sentence names; `Damage.ids` has them all. */
const NAMED_IDS = 3

function idText(ids: readonly string[]): string {
  if (ids.length === 0) return ''
  const more = ids.length > NAMED_IDS ? ` and ${ids.length - NAMED_IDS} more` : ''
  return ` (as far as readable: ${ids.slice(0, NAMED_IDS).map(echo).join(', ')}${more})`
}

/** Damage of a file as a whole. */
export function fileDamage(
  segment: { name: string; bytes: number },
  kind: Damage['kind'],
  acknowledged: boolean | null,
  detail: string,
): Damage {
  return { kind, file: segment.name, offset: 0, bytes: segment.bytes, acknowledged, seqs: [], ids: [], detail }
}
