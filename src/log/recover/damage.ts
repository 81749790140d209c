import { echo } from '../../echo.ts'
import type { Damage, SequenceRange } from '../../entry.ts'
import type { Anomaly } from '../segment/segment-scan.ts'

/**
 * Tells what a bad place means. Promised records that are gone are a loss; what no watermark
 * covers, at the end of the log, is a torn tail: it was never acknowledged, or its acknowledgement
 * was never promised.
 */
export function damageOf(anomaly: Anomaly, durableBefore: number, endSeq: number): Damage {
  const lostBefore = Math.min(
    anomaly.lostThrough === null ? Number.POSITIVE_INFINITY : anomaly.lostThrough + 1,
    endSeq,
  )
  const base = { file: anomaly.file, offset: anomaly.offset, bytes: anomaly.bytes, ids: anomaly.ids }
  const place = `${anomaly.file} at offset ${anomaly.offset}`
  if (anomaly.lostThrough !== null && anomaly.lostThrough < anomaly.lostFrom) {
    return {
      ...base,
      kind: anomaly.kind,
      acknowledged: false,
      seqs: [],
      detail: `${place}: ${anomaly.reason}; no record is lost.`,
    }
  }
  if (anomaly.lostFrom >= durableBefore && anomaly.kind === 'unreadable') {
    const detail = `${place}: ${anomaly.reason}. It may hold records from ${anomaly.lostFrom} on. ${TRY_AGAIN}`
    return { ...base, kind: anomaly.kind, acknowledged: null, seqs: [], detail }
  }
  if (anomaly.lostFrom >= durableBefore) {
    const detail = `${place}: the log was cut short while it was written, from record ${anomaly.lostFrom} on. Nothing promised to be durable is lost.`
    return { ...base, kind: 'torn-tail', acknowledged: false, seqs: [], detail }
  }
  const seqs: SequenceRange[] = [{ from: anomaly.lostFrom, through: lostBefore - 1 }]
  const detail = `${place}: ${anomaly.reason}; acknowledged ${rangeText(anomaly.lostFrom, lostBefore - 1)}${idText(anomaly.ids)}.${unreadableText(anomaly, durableBefore)}`
  return { ...base, kind: anomaly.kind, acknowledged: true, seqs, detail }
}

/** What is promised to be there is known; what else is there is not. */
function unreadableText({ kind, lostThrough }: Anomaly, durableBefore: number): string {
  if (kind !== 'unreadable') return ''
  const more = lostThrough === null || lostThrough >= durableBefore
  return more ? ` It may hold records from ${durableBefore} on, too. ${TRY_AGAIN}` : ` ${TRY_AGAIN}`
}

const TRY_AGAIN =
  'It may be readable later: open again, and copy the directory to another disk, before anything else.'

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
