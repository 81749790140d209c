import type { SegmentExtent } from './segment-scan.ts'

/** Of whole segments: those that hold a record from `from` on, and none from `until` on. */
export function bytesBetween(extents: readonly SegmentExtent[], from: number, until: number): number {
  return extents
    .filter(({ supersededFrom }) => supersededFrom > from && supersededFrom <= until)
    .reduce((sum, { bytes }) => sum + bytes, 0)
}
