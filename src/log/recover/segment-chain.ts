import type { Damage } from '../../entry.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import { damageIn } from '../damage.ts'
import type { SegmentExtent } from '../segment/segment-scan.ts'
import type { LogDirectory, SegmentFile } from './directory.ts'

/** A segment that is part of the log. */
export interface LiveSegment extends SegmentExtent {
  /** What the header promised; 0 where the header does not verify. */
  readonly durableBefore: number
  readonly headerValid: boolean
  /** Which of the two copies of the header do not verify. */
  readonly badCopies: readonly number[]
  /** Whether the log's identity is known, without which no frame can be verified. */
  readonly identified: boolean
  readonly capacity: number
  /** Of a segment without a header, that of the one behind it; 0 where nothing tells. */
  readonly createdAt: number
}

export interface Chain {
  readonly live: LiveSegment[]
  readonly unused: string[]
  readonly damage: Damage[]
}

/**
 * The log id that most segments have; of those that equally many have, the one that comes first.
 */
export function identityOf(segments: readonly SegmentFile[]): Buffer | undefined {
  const counts = new Map<string, number>()
  for (const { header } of segments) {
    const id = header?.logId.toString('hex')
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  const [most] = [...counts].reduce((best, each) => (each[1] > best[1] ? each : best), ['', 0])
  return most === '' ? undefined : Buffer.from(most, 'hex')
}

/**
 * Decides which files are the log. A segment supersedes what earlier ones hold from its first
 * sequence number on. A file without a valid header is one prepared and never used if it is the
 * last and empty; else its frames tell what it is.
 */
export function chain(directory: LogDirectory, logId: Buffer | undefined): Chain {
  const live: LiveSegment[] = []
  const unused: string[] = []
  const damage: Damage[] = []
  let supersededFrom = Number.POSITIVE_INFINITY
  let following: SegmentFile | undefined
  for (const segment of directory.segments.toReversed()) {
    const { header } = segment
    if (header && logId && !header.logId.equals(logId)) {
      damage.push(
        damageIn({
          kind: 'foreign',
          file: segment.name,
          bytes: segment.bytes,
          acknowledged: null,
          detail: `${segment.name} belongs to another log. Move it out of this directory.`,
        }),
      )
    } else if (header && header.firstSeq >= supersededFrom) {
      unused.push(segment.name)
    } else {
      const openEnded = following !== undefined && following.header?.previous !== segment.number
      const createdAt = header?.createdAt ?? following?.header?.createdAt ?? 0
      live.push({ ...liveSegment(segment, logId, supersededFrom, openEnded), createdAt })
      supersededFrom = header?.firstSeq ?? supersededFrom
      following = segment
    }
  }
  return { live: live.reverse(), unused, damage }
}

function liveSegment(
  segment: SegmentFile,
  logId: Buffer | undefined,
  supersededFrom: number,
  openEnded: boolean,
): Omit<LiveSegment, 'createdAt'> {
  const { header, number, name, path, bytes } = segment
  return {
    number,
    name,
    path,
    bytes,
    supersededFrom,
    scanEnd: Number.POSITIVE_INFINITY,
    openEnded,
    tolerateUnreadable: true,
    identified: logId !== undefined,
    codec: logId ? SegmentCodec.of(logId, number) : new SegmentCodec(0),
    firstSeq: header?.firstSeq ?? Number.NaN,
    durableBefore: header?.durableBefore ?? 0,
    headerValid: header !== undefined,
    badCopies: segment.badCopies,
    capacity: header?.capacity ?? bytes,
  }
}
