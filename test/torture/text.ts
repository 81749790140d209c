/**
 * Records as texts, so that equal texts are equal records: the transaction and all of the entry,
 * vectors by their bits.
 */
import type { WalEntry, WalRecord } from '../../src/mod.ts'
import { memberOf, type Step } from './stream.ts'

export const textOf = ({ entry, transactionId }: Pick<WalRecord, 'entry' | 'transactionId'>): string =>
  `${transactionId ?? ''} ${entryText(entry)}`

function entryText(entry: WalEntry): string {
  if (entry.type === 'batch') return `batch ${entry.entries.map(entryText).join('\n')}`
  if (entry.type !== 'insert') return JSON.stringify(entry)
  const { id, vector, metadata, replace } = entry
  const bits = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex')
  return `insert ${id} ${replace} ${bits} ${JSON.stringify(metadata)}`
}

/** The record that a step leaves, in the transaction that began at `transactionId`. */
export function stepText(step: Step, transactionId: number | undefined): string {
  const entry: WalEntry = memberOf(step) ?? { type: markerOf(step) }
  return textOf({ entry, ...(transactionId !== undefined && { transactionId }) })
}

function markerOf(step: Step): 'beginTransaction' | 'commitTransaction' | 'abortTransaction' {
  if (step.do === 'begin') return 'beginTransaction'
  return step.do === 'end' && step.commits ? 'commitTransaction' : 'abortTransaction'
}
