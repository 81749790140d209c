/**
 * The lines of `--json`: one object a record or a damage, without the line feed. What has 64 bits
 * on disk (sequence numbers, ids of transactions, times) is a decimal string in the output of every
 * command, or null where there is none; counts, bytes, dimensions and durations are numbers.
 * Vectors and data are base64 (vectors of little-endian float32). The lines are put together from
 * texts, so that no key of anybody's metadata, `__proto__` included, means anything here.
 */
import { relative } from 'node:path'
import {
  type BatchMember,
  type Condition,
  type Damage,
  type Diagnosis,
  indexIdentity,
  type JsonValue,
  type Loss,
  type Recoverable,
  type RecoveryReport,
  type SequenceRange,
  type SnapshotReference,
  type WalEntry,
  type WalRecord,
} from '../mod.ts'
import type { V1Entry, V1Record } from '../v1/mod.ts'
import { floatsToBytes } from './floats.ts'
import type { LostId, LostIds } from './lost-ids.ts'
import { knownCondition } from './text.ts'

/** Longest range of lost sequence numbers that is listed number by number. */
const MAX_LISTED_SEQS = 1000n

type Members = [key: string, json: string][]

/** A record of a v2 log. Members of a batch have no timestamp of their own. */
export function recordToJson(record: WalRecord, isConditional = false): string {
  const { seq, timestamp, entry, transactionId, origin } = record
  const members: Members = [['seq', integer(seq)], ...entryMembers(entry)]
  if (transactionId !== undefined) members.push(['transactionId', integer(transactionId)])
  if (isConditional) members.push(['conditional', 'true'])
  if (origin !== undefined)
    members.push([
      'origin',
      object([
        ['process', JSON.stringify(origin.process)],
        ['number', integer(origin.number)],
      ]),
    ])
  members.push(['timestamp', integer(timestamp)])
  return object(members)
}

/**
 * A record of a v1 log. Members of a batch have their own timestamps, in the unit that stands
 * there: seconds, if the original wrote them.
 */
export function v1RecordToJson(record: V1Record): string {
  return object([['seq', integer(record.seq)], ...v1EntryMembers(record.entry)])
}

/**
 * A place of damage. `seqs` has a string for each lost sequence number; a range of more than 1000
 * is one string `from-through`, or `from-` where its end is unknown. `ids` is there where some
 * could be read.
 */
export const damageToJson = (damage: Damage): string => JSON.stringify({ damage: plainDamage(damage) })

function plainDamage({ kind, file, offset, bytes, acknowledged, seqs, ids, detail }: Damage): JsonValue {
  const readable = ids.length > 0 ? { ids } : {}
  return { kind, file, offset, bytes, acknowledged, seqs: seqs.flatMap(listRange), ...readable, detail }
}

/** A diagnosis, with what is left of the lost ids. Sequence numbers are listed as in a damage. */
export function diagnosisToJson(diagnosis: Diagnosis, lostIds: LostIds): string {
  const { stuckCursors, remedy } = diagnosis
  const { directory, verdict, format, refusal, damage, recoverable, snapshotProved, losses, writer } =
    diagnosis
  const plain = {
    directory,
    verdict,
    format: format ?? null,
    refusal: refusal ?? null,
    damage: damage.map(plainDamage),
    recoverable: recoverable ? plainRecoverable(recoverable) : null,
    ...(snapshotProved === false && { snapshotProved }),
    losses: losses.map((loss) => plainLoss(loss, lostIds.get(loss) ?? [])),
    stuckCursors: stuckCursors.map(({ name, problem }) => ({ name, problem: problem! })),
    writer: writer ?? null,
    remedy,
  }
  return JSON.stringify({ diagnosis: plain })
}

function plainRecoverable(recoverable: Recoverable): JsonValue {
  const { firstSeq, lastSeq, snapshotSeq, gaps, inDoubt, incompleteTransactions, ...figures } = recoverable
  return {
    ...figures,
    firstSeq: seqOrNull(firstSeq),
    lastSeq: seqOrNull(lastSeq),
    snapshotSeq: seqOrNull(snapshotSeq),
    gaps: gaps.map(gapToJson),
    inDoubt: inDoubt.map(String),
    incompleteTransactions: incompleteTransactions.map(String),
  }
}

/** Null for none: undefined, or the -1 of an empty log. */
export const seqOrNull = (seq: number | undefined): string | null =>
  seq === undefined || seq < 0 ? null : String(seq)

export const gapToJson = ({
  from,
  through,
}: {
  readonly from: number
  readonly through: number
}): JsonValue => ({
  from: String(from),
  through: String(through),
})

function plainLoss({ damage, inSnapshot, unsure, gone }: Loss, ids: readonly LostId[]): JsonValue {
  return {
    file: damage.file,
    offset: damage.offset,
    inSnapshot: inSnapshot.flatMap(listRange),
    unsure: unsure.flatMap(listRange),
    gone: gone.flatMap(listRange),
    ids: ids.map(({ id, older, newer }) => ({
      id,
      older: older === undefined ? null : String(older),
      newer: newer ? { seq: String(newer.seq), type: newer.type } : null,
    })),
  }
}

/**
 * What a repair did; nothing, without a report of it. Sequence numbers are listed as in a damage,
 * paths are relative to the directory.
 */
export function repairToJson(
  before: Diagnosis,
  after: Diagnosis,
  report: RecoveryReport | undefined,
): string {
  const lost = (report?.damage ?? []).filter(({ acknowledged }) => acknowledged === true)
  const plain = {
    directory: before.directory,
    repaired: report !== undefined,
    gone: lost.flatMap(({ seqs }) => seqs.flatMap(listRange)),
    ids: [...new Set(lost.flatMap(({ ids }) => ids))],
    quarantined: (report?.quarantined ?? []).map((path) => relative(before.directory, path)),
    before: before.verdict,
    after: after.verdict,
    remedy: after.remedy,
  }
  return JSON.stringify({ repair: plain })
}

function conditionToJson({ expects, key }: Condition): string {
  const plain = {
    expects: expects.map(({ id, seq }) => ({ id, seq: seq === null ? null : String(seq) })),
    ...(key && { idempotencyKey: key.text }),
  }
  return JSON.stringify(plain)
}

function entryMembers(entry: WalEntry): Members {
  const identity = indexIdentity(entry)
  const condition = knownCondition(entry)
  const members: Members = [['type', string(entry.type)]]
  switch (entry.type) {
    case 'insert':
      members.push(['id', string(entry.id)], ['vector', base64(floatsToBytes(entry.vector))])
      members.push(['metadata', json(entry.metadata ?? null)])
      if (entry.replace === true) members.push(['replace', 'true'])
      break
    case 'update':
      members.push(['id', string(entry.id)])
      if (entry.vector !== undefined) members.push(['vector', base64(floatsToBytes(entry.vector))])
      if (entry.metadata !== undefined) members.push(['metadata', json(entry.metadata)])
      break
    case 'delete':
      members.push(['id', string(entry.id)])
      break
    case 'custom':
      members.push(['kind', string(entry.kind)], ['data', base64(entry.data)])
      if (identity) members.push(['index', JSON.stringify(identity)])
      if (condition) members.push(['condition', conditionToJson(condition)])
      break
    case 'batch':
      members.push([
        'entries',
        array(entry.entries.map((member: BatchMember) => object(entryMembers(member)))),
      ])
      break
    case 'checkpoint':
      members.push(['sequenceNumber', integer(entry.sequenceNumber)])
      if (entry.snapshot === null) break
      members.push(['replayFrom', integer(entry.replayFrom)])
      members.push(['snapshot', snapshotToJson(entry.snapshot)])
      break
    case 'gap':
      members.push(['throughSeq', integer(entry.throughSeq)])
      break
  }
  return members
}

function v1EntryMembers(entry: V1Entry): Members {
  const members: Members = [['type', string(entry.type)]]
  switch (entry.type) {
    case 'insert':
    case 'update':
      members.push(['id', string(entry.id)], ['vector', base64(floatsToBytes(entry.vector))])
      members.push(['metadata', v1Metadata(entry.metadata)])
      break
    case 'delete':
      members.push(['id', string(entry.id)])
      break
    case 'batch':
      members.push(['entries', array(entry.entries.map((member) => object(v1EntryMembers(member))))])
      break
    case 'checkpoint':
      members.push(['sequenceNumber', integer(entry.sequenceNumber)])
      break
    default:
      members.push(['transactionId', integer(entry.transactionId)])
  }
  members.push(['timestamp', integer(entry.timestamp)])
  return members
}

function snapshotToJson({ name, files, info }: SnapshotReference): string {
  return JSON.stringify({
    name,
    files: files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    info,
  })
}

function v1Metadata(metadata: ReadonlyMap<string, string> | null): string {
  return metadata === null ? 'null' : object(Array.from(metadata, ([key, value]) => [key, string(value)]))
}

function listRange({ from, through }: SequenceRange): string[] {
  const first = BigInt(from)
  if (through === null) return [`${first}-`]
  const last = BigInt(through)
  const length = last - first + 1n
  if (length > MAX_LISTED_SEQS) return [`${first}-${last}`]
  return Array.from({ length: Number(length) }, (_, i) => String(first + BigInt(i)))
}

function integer(value: number | bigint): string {
  return `"${value}"`
}

function string(value: string): string {
  return JSON.stringify(value)
}

function json(value: JsonValue): string {
  return JSON.stringify(value)
}

function base64(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
}

function object(members: Members): string {
  return `{${members.map(([key, value]) => `${string(key)}:${value}`).join(',')}}`
}

function array(elements: readonly string[]): string {
  return `[${elements.join(',')}]`
}
