/** What a log must hold: known from what was handed to it, never from what it says. */
import type { WalEntry } from '../../src/mod.ts'
import { bits } from '../support/entries.ts'

export interface ModelRecord {
  readonly entry: WalEntry
  readonly transactionId?: number
}

export interface Model {
  /** Every record that was handed over and may be there, by its sequence number. */
  records: ModelRecord[]
  /** So many of them are acknowledged. */
  acknowledged: number
  /** The first sequence number that this process gave out. */
  openedAt: number
  /** What went wrong where nobody waited. */
  readonly trouble: unknown[]
}

export interface Effect {
  readonly seq: number
  readonly entries: readonly unknown[]
}

/**
 * What these records do: single entries at their place, a committed transaction's at its commit.
 */
export function effectsOf(records: readonly ModelRecord[]): Effect[] {
  const open = new Map<number, unknown[]>()
  const effects: Effect[] = []
  for (const [seq, { entry, transactionId }] of records.entries()) {
    if (entry.type === 'beginTransaction') open.set(seq, [])
    else if (entry.type === 'commitTransaction') effects.push({ seq, entries: open.get(transactionId!)! })
    else if (entry.type !== 'checkpoint' && !entry.type.endsWith('Transaction')) {
      if (transactionId === undefined) effects.push({ seq, entries: [bits(entry)] })
      else open.get(transactionId)!.push(bits(entry))
    }
  }
  return effects
}

/** The transactions that have begun and not ended, by their numbers. */
export function openIn(records: readonly ModelRecord[]): Map<number, 'open' | 'prepared'> {
  const open = new Map<number, 'open' | 'prepared'>()
  for (const [seq, { entry, transactionId }] of records.entries()) {
    if (entry.type === 'beginTransaction') open.set(seq, 'open')
    else if (entry.type === 'prepareTransaction') open.set(transactionId!, 'prepared')
    else if (entry.type === 'commitTransaction' || entry.type === 'abortTransaction')
      open.delete(transactionId!)
  }
  return open
}

export const checkpointsIn = (records: readonly ModelRecord[]): (WalEntry & { type: 'checkpoint' })[] =>
  records.flatMap(({ entry }) => (entry.type === 'checkpoint' ? [entry] : []))

export const comparable = ({ entry, transactionId }: ModelRecord): unknown => [bits(entry), transactionId]

/** An acknowledgement vouches for everything before, too. */
export function acknowledge(model: Model, seq: number): void {
  model.acknowledged = Math.max(model.acknowledged, seq + 1)
}
