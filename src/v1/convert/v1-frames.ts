import type { WalRecord } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { INDEX_KIND } from '../../format/index-record.ts'
import { V1_NOTE_KIND } from '../../format/own-kinds.ts'
import { encodeV1Entry } from '../format/encode.ts'
import type { V1Entry } from '../format/entry.ts'
import { decodeNote, entryToV1, type Note, timestampToV1 } from './translate.ts'

/** What the records of a v2 log are in v1. */
export async function* v1Frames(
  records: AsyncIterable<WalRecord>,
  leftOut: () => void,
): AsyncGenerator<{ seq: bigint; payload: Uint8Array }, void, void> {
  let expected = 0n
  let note: Note | undefined
  const open: number[] = []
  for await (const record of records) {
    const { entry } = record
    if (entry.type === 'custom' && entry.kind === V1_NOTE_KIND) {
      note = decodeNote(entry.data)
      if (note.is !== 'alone') continue
      yield note
      expected = note.seq + 1n
    } else if (entry.type === 'checkpoint' || (entry.type === 'custom' && entry.kind === INDEX_KIND)) {
      leftOut()
    } else if (note?.is === 'original') {
      trackTransaction(record, open)
      yield note
      expected = note.seq + 1n
    } else if (note?.is === 'added') {
      trackTransaction(record, open)
    } else {
      trackTransaction(record, open)
      yield { seq: expected, payload: encodeV1Entry(plainToV1(record)) }
      expected++
    }
    note = undefined
  }
}

/** v1 tells a transaction's entries only by where they stand. */
function trackTransaction({ seq, entry, transactionId }: WalRecord, open: number[]): void {
  if (entry.type === 'beginTransaction') open.push(seq)
  else if (entry.type === 'commitTransaction' || entry.type === 'abortTransaction')
    open.splice(open.lastIndexOf(transactionId!), 1)
  else if (transactionId !== open.at(-1)) {
    throw new WalError(
      'WALV_INVALID_ENTRY',
      `Record ${seq} does not stand within its transaction alone, and format v1 cannot tell to which of several it belongs.`,
      { seq },
    )
  }
}

function plainToV1({ seq, timestamp, entry, transactionId }: WalRecord): V1Entry {
  const time = timestampToV1(timestamp)
  if (
    entry.type === 'beginTransaction' ||
    entry.type === 'commitTransaction' ||
    entry.type === 'abortTransaction'
  ) {
    return { type: entry.type, transactionId: BigInt(transactionId!), timestamp: time }
  }
  return entryToV1(entry, seq, time)
}
