import type { WalError } from '../../errors.ts'
import type { SegmentExtent } from '../segment/segment-scan.ts'
import type { Signal } from '../write/signal.ts'

/** What can be read: these parts of files, up to before this sequence number. */
export interface Extent {
  readonly extents: readonly SegmentExtent[]
  readonly before: number
}

/** A log that goes on while it is read: written here, or followed. */
export interface LiveSource {
  readonly directory: string
  readonly extent: Extent
  /** Tells when `extent` has more, or `broken` is set. */
  readonly moved: Signal
  /** Why nothing more comes. */
  readonly broken: WalError | undefined
  /**
   * Resolves to the number before which everything is on stable storage, as far as is known here;
   * puts it there before, where this process may and it is less than `before`.
   */
  syncedBefore(before: number): Promise<number>
  /**
   * Takes what was read just now of a file, if it has what stands there; answers how many bytes.
   * Where there is this, who reads keeps the file open, too.
   */
  readonly copy?: ((path: string, target: Uint8Array, position: number) => number) | undefined
  /** The writer says that everything before this is acknowledged. */
  reveal?(before: number): void
  /** Removes what nobody needs any more, where this process writes. Never rejects. */
  trim?(): Promise<void>
  /** Looks at the files again, where others write them. */
  refresh?(): Promise<void>
}
