import { DurableIndex, flat, type IndexRecoveryReport, type VectorIndex } from '../../mod.ts'
import { UNWARNED } from '../opening.ts'
import { IN_FLIGHT } from './protocol.ts'
import type { Word } from './word.ts'

/** What reopening after a kill found, compared with what was acknowledged. */
export interface CheckResult {
  readonly found: number
  readonly missing: readonly string[]
  readonly altered: readonly string[]
  /** There, but never handed to the writing process. */
  readonly invented: readonly string[]
  /**
   * There without an acknowledgement that arrived: they were under way when the process was killed.
   */
  readonly unacknowledged: number
  readonly recovery: IndexRecoveryReport
}

/**
 * Reopens the index as any user would, and compares all of it, bit for bit, with the words. Words
 * are written in the order of their ranks, so one more than `IN_FLIGHT` beyond the last
 * acknowledgement cannot have been handed over.
 */
export async function check(
  directory: string,
  words: readonly Word[],
  acknowledged: ReadonlySet<number>,
): Promise<CheckResult> {
  const dimensions = words[0]!.vector.length
  await using index = await DurableIndex.open({
    directory,
    index: newIndex(dimensions),
    checkpointIntervalEntries: false,
    ...UNWARNED,
  })
  const ranks = new Map(words.map(({ id }, rank) => [id, rank]))
  let lastAcknowledged = -1
  for (const rank of acknowledged) lastAcknowledged = Math.max(lastAcknowledged, rank)
  const missing = [...acknowledged]
    .filter((rank) => !index.has(words[rank]!.id))
    .map((rank) => words[rank]!.id)
  const altered: string[] = []
  const invented: string[] = []
  for (const id of index.ids()) {
    const rank = ranks.get(id)
    if (rank === undefined || rank > lastAcknowledged + IN_FLIGHT) invented.push(id)
    else if (!isAsWritten(index, words[rank]!, rank)) altered.push(id)
  }
  const unacknowledged = index.size - (acknowledged.size - missing.length)
  return { found: index.size, missing, altered, invented, unacknowledged, recovery: index.recovery }
}

function isAsWritten(index: DurableIndex, { id, vector }: Word, rank: number): boolean {
  const stored = index.get(id)!
  const same = Buffer.compare(bytesOf(stored.vector), bytesOf(vector)) === 0
  return same && (stored.metadata as { rank?: number } | null)?.rank === rank
}

const bytesOf = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)

export const newIndex = (dimensions: number): VectorIndex => flat({ dimensions })
