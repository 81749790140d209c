import { resolve } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { ioError } from '../disk/io-error.ts'
import type { Damage, SequenceRange } from '../entry.ts'
import { assert, WalError, type WalErrorCode } from '../errors.ts'
import { decodeRecord } from '../format/decode.ts'
import { SnapshotStore } from '../log/checkpoint/snapshot-store.ts'
import { cursorStatuses } from '../log/cursor-log.ts'
import type { CursorStatus } from '../log/cursor-types.ts'
import { damageIn } from '../log/damage.ts'
import { type ContentRules, type RecoveryPolicy, settingsOf, type WalSettings } from '../log/options.ts'
import { type Analysis, refuseLoss } from '../log/recover/analysis.ts'
import { LOOKS_BESIDE_WRITER, lookBesideWriter, wasRetired } from '../log/recover/beside-writer.ts'
import { DamageList } from '../log/recover/damage-list.ts'
import { isTold, type LossNote } from '../log/recover/loss-notes.ts'
import { policiesFor, refuseAborted } from '../log/recover/recover.ts'
import { examineLog, type LogFindings } from '../log/recover/snapshot-choice.ts'
import { type FrameVisitor, scanWhole } from '../log/segment/segment-scan.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import { readV1Directory } from '../v1/read/reader.ts'
import { moveLock, type Remedy, remedyFor, remedyForRefusal } from './remedy.ts'
import { lockRefusal, readWriter, type WriterSign } from './writer-sign.ts'

export interface DiagnoseOptions {
  readonly directory: string
  readonly disk?: Disk
  readonly signal?: AbortSignal
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void
}

const DIAGNOSE_OPTIONS: OptionNames<DiagnoseOptions> = {
  directory: true,
  disk: true,
  signal: true,
  onProgress: true,
}

/**
 * - `healthy`: nothing is wrong.
 * - `torn-tail`: the end was cut short while it was written, and was never acknowledged; what a
 *   crash leaves.
 * - `damaged`: something is wrong, and nothing that was acknowledged is lost.
 * - `loss`: records that were acknowledged are lost.
 * - `possible-loss`: whether acknowledged records are lost cannot be known.
 * - `unusable`: nothing that this walv can open as a log; or not for writing, for what is under the
 *   name `LOCK` is no file.
 */
export type Verdict = 'healthy' | 'torn-tail' | 'damaged' | 'loss' | 'possible-loss' | 'unusable'

/** What opening would find. */
export interface Recoverable {
  /** Records that verify, transactions' markers and checkpoints included. */
  readonly records: number
  readonly bytes: number
  readonly segments: number
  readonly firstSeq: number
  /** −1 for an empty log. */
  readonly lastSeq: number
  /**
   * Through which sequence number the snapshot reaches that a replay starts from; undefined without
   * one.
   */
  readonly snapshotSeq: number | undefined
  /** Ranges that an earlier repair recorded as lost. */
  readonly gaps: readonly { readonly from: number; readonly through: number }[]
  /** Transactions that are prepared and wait for a decision: their ids. */
  readonly inDoubt: readonly number[]
  /**
   * Ids of transactions that committed, or were prepared, and take no effect, because records are
   * lost between their begin and their end.
   */
  readonly incompleteTransactions: readonly number[]
  readonly closedInOrder: boolean
}

/** Lost records of one place, and what the snapshot has of them. */
export interface Loss {
  readonly damage: Damage
  /** Their effect is in the snapshot: an index loses nothing by them. */
  readonly inSnapshot: readonly SequenceRange[]
  /** In the snapshot, unless they belonged to a transaction that was open when it was taken. */
  readonly unsure: readonly SequenceRange[]
  /** Nothing holds them. Of the ids in them, at most an older version is left. */
  readonly gone: readonly SequenceRange[]
}

/** What a log is found to be, and what to do about it. */
export interface Diagnosis {
  readonly directory: string
  readonly verdict: Verdict
  /**
   * What opening it by the default policy, or reading it then, refuses with; undefined where
   * nothing is refused.
   */
  readonly refusal: { readonly code: WalErrorCode; readonly message: string } | undefined
  readonly format: 'v1' | 'v2' | undefined
  readonly damage: readonly Damage[]
  /** Undefined if this walv cannot open it at all. */
  readonly recoverable: Recoverable | undefined
  /**
   * Whether the content of the snapshot was loaded and proved by its fingerprint. False: only its
   * hashes are right, since it is of a program of somebody's own. Undefined without a snapshot.
   */
  readonly snapshotProved: boolean | undefined
  readonly losses: readonly Loss[]
  /** The cursors whose readers cannot go on, with why. The verdict is of the log alone. */
  readonly stuckCursors: readonly CursorStatus[]
  /** Undefined where no writer has signed, or where the last one signed off. */
  readonly writer: WriterSign | undefined
  readonly remedy: Remedy
}

/**
 * The log's part of `diagnose` in `index/proved.ts`, which says what it promises. `content` is what
 * opening knows of the snapshot's content; without it, its hashes are all that is looked at.
 */
export async function diagnose(options: DiagnoseOptions, content?: ContentRules): Promise<Diagnosis> {
  checkOptions('diagnose', options, DIAGNOSE_OPTIONS)
  const checked = settingsOf({ ...options, readOnly: true, recovery: 'salvage' })
  const settings = { ...checked, directory: resolve(checked.directory), content }
  const { disk, directory, signal } = settings
  try {
    signal?.throwIfAborted()
    const writer = await readWriter(disk, directory)
    const found = { writer, ...(await examine(settings)) }
    const refusal = found.refusal ? undefined : await lockRefusal(disk, directory)
    return refusal ? { ...found, verdict: 'unusable', refusal, remedy: moveLock(directory) } : found
  } catch (error) {
    refuseAborted(error, signal, 'Examining the log was aborted. Nothing was changed.')
    throw ioError(error, `The log in ${directory} cannot be examined; nothing was changed`, directory)
  }
}

async function examine(settings: WalSettings): Promise<Omit<Diagnosis, 'writer'>> {
  try {
    return await examineV2(settings)
  } catch (error) {
    if (!(error instanceof WalError)) throw error
    if (error.code === 'WALV_V1_DIRECTORY') return examineV1(settings, error)
    if (error.code === 'WALV_UNSUPPORTED_VERSION' || error.code === 'WALV_UNSUPPORTED_FEATURE')
      return unusable(settings.directory, error, { damage: [], format: undefined })
    throw error
  }
}

async function examineV2(settings: WalSettings): Promise<Omit<Diagnosis, 'writer'>> {
  const { found, undecodable } = await lookAtAll(settings)
  const { analysis, choice } = found
  const { disk, directory } = settings
  const { rescue } = found
  const checkpoint = rescue?.checkpoint ?? choice.checkpoint
  const damage = [...found.damage, ...undecodable]
  if (analysis.segments.length === 0 && damage.length === 0) {
    const none = new WalError('WALV_NOT_FOUND', `There is no log in ${directory}.`)
    return unusable(directory, none, { damage, format: undefined })
  }
  const losses = damage
    .filter(({ acknowledged, seqs }) => acknowledged !== false && seqs.length > 0)
    .map((each) => lossOf(each, mayHold(each, found.notes, checkpoint) ? checkpoint : undefined))
  const isKnown = damage.every(({ acknowledged }) => acknowledged !== null)
  const covered = isKnown && losses.every(({ unsure, gone }) => unsure.length + gone.length === 0)
  return {
    directory,
    verdict: verdictOf(damage),
    refusal: refusalOf(directory, damage, policiesFor(found)),
    format: 'v2',
    damage,
    recoverable: recoverableOf(analysis, choice.checkpoint?.sequenceNumber),
    snapshotProved: choice.proved,
    losses,
    stuckCursors: await stuckCursors(settings, found),
    remedy: await remedyFor({
      disk,
      directory,
      damage: found.damage,
      undecodable,
      analysis,
      covered,
      rescue,
    }),
  }
}

/** A writer beside may have gone on: how far the log reaches is not held against one. */
async function stuckCursors(
  { disk, directory }: WalSettings,
  { analysis, choice }: LogFindings,
): Promise<CursorStatus[]> {
  const statuses = await cursorStatuses({
    ...{ disk, directory, floorSeq: undefined, checkpoints: choice.usable },
    logId: analysis.logId?.toString('hex'),
    extent: { extents: analysis.segments, before: analysis.endSeq },
  }).catch(() => [])
  return statuses.filter(({ problem }) => problem !== undefined)
}

async function examineV1(
  { disk, directory, signal }: WalSettings,
  refusal: WalError,
): Promise<Omit<Diagnosis, 'writer'>> {
  const list = new DamageList()
  for await (const item of readV1Directory(disk, directory, { signal }))
    if (item.damage) list.add(item.damage)
  return unusable(directory, refusal, { damage: list.all(), format: 'v1' })
}

function unusable(
  directory: string,
  { code, message }: WalError,
  found: Pick<Diagnosis, 'damage' | 'format'>,
): Omit<Diagnosis, 'writer'> {
  const remedy = remedyForRefusal(code, directory, found.damage)
  return {
    directory,
    verdict: 'unusable',
    refusal: { code, message },
    ...found,
    recoverable: undefined,
    snapshotProved: undefined,
    losses: [],
    stuckCursors: [],
    remedy,
  }
}

interface Examined {
  readonly found: LogFindings
  readonly undecodable: Damage[]
}

function lookAtAll(settings: WalSettings): Promise<Examined> {
  const snapshots = new SnapshotStore(settings.disk, settings.directory)
  let found: LogFindings | undefined
  const look = async (): Promise<Examined> => {
    found = undefined
    found = await examineLog(settings, snapshots)
    return { found, undecodable: await senselessRecords(settings, found.analysis) }
  }
  // What `examineLog` gives up on, it has looked at often enough.
  return lookBesideWriter(LOOKS_BESIDE_WRITER, look, (error) => found !== undefined && wasRetired(error))
}

/**
 * Records that verify and do not decode: something other than walv wrote them, or a defect of it.
 */
async function senselessRecords(
  { disk, signal }: WalSettings,
  { segments, endSeq }: Analysis,
): Promise<Damage[]> {
  const list = new DamageList()
  for (const segment of segments) {
    const visitor: FrameVisitor = {
      record({ memory, offset }, at, header, bytes) {
        const { seq } = header
        const decoding = decodeRecord(memory, at, header)
        if ('record' in decoding) return false
        const detail = `Record ${seq} verifies but makes no sense: it has ${decoding.problem}.`
        const seqs = [{ from: seq, through: seq }]
        const { name: file } = segment
        list.add(damageIn({ kind: 'corrupt', file, offset, bytes, acknowledged: true, seqs, detail }))
        return false
      },
    }
    await scanWhole(disk, { ...segment, scanEnd: endSeq }, visitor, signal)
  }
  return list.all()
}

function verdictOf(damage: readonly Damage[]): Verdict {
  if (damage.some(({ acknowledged }) => acknowledged === true)) return 'loss'
  if (damage.some(({ acknowledged }) => acknowledged === null)) return 'possible-loss'
  if (damage.some(({ kind }) => kind !== 'torn-tail')) return 'damaged'
  return damage.length > 0 ? 'torn-tail' : 'healthy'
}

function refusalOf(
  directory: string,
  damage: readonly Damage[],
  policies: readonly RecoveryPolicy[],
): Diagnosis['refusal'] {
  try {
    refuseLoss(directory, damage, policies)
    return undefined
  } catch (error) {
    const { code, message } = error as WalError
    return { code, message }
  }
}

function recoverableOf({ tally, ...found }: Analysis, snapshotSeq: number | undefined): Recoverable {
  const open = [...tally.transactions.open.values()]
  return {
    records: tally.entries,
    bytes: tally.bytes,
    segments: found.segments.length,
    firstSeq: found.firstSeq,
    lastSeq: found.endSeq - 1,
    snapshotSeq,
    gaps: tally.gaps,
    inDoubt: open.filter(({ prepared }) => prepared).map(({ id }) => id),
    incompleteTransactions: tally.transactions.incomplete,
    closedInOrder: found.closed,
  }
}

/** A snapshot that was made when the loss had been passed over holds nothing of what is lost. */
function mayHold(
  damage: Damage,
  notes: readonly LossNote[],
  checkpoint: { readonly sequenceNumber: number } | undefined,
): boolean {
  const noted = notes.filter(({ losses }) => losses.includes(damage) || isTold(damage, losses))
  return checkpoint !== undefined && noted.every(({ endSeq }) => checkpoint.sequenceNumber < endSeq - 1)
}

/**
 * A snapshot holds what came before `replayFrom` for certain, and up to `sequenceNumber` what
 * belonged to no transaction open then.
 */
function lossOf(
  damage: Damage,
  checkpoint: { readonly sequenceNumber: number; readonly replayFrom: number } | undefined,
): Loss {
  const certain = checkpoint ? Math.min(checkpoint.replayFrom, checkpoint.sequenceNumber + 1) : 0
  const reached = checkpoint ? checkpoint.sequenceNumber + 1 : 0
  const within = (from: number, before: number): SequenceRange[] =>
    damage.seqs.flatMap((range) => {
      assert(range.through !== null, 'what a log of v2 has lost ends somewhere')
      const first = Math.max(from, Number(range.from))
      const last = Math.min(before - 1, Number(range.through))
      return first <= last ? [{ from: first, through: last }] : []
    })
  return {
    damage,
    inSnapshot: within(0, certain),
    unsure: within(certain, reached),
    gone: within(reached, Number.POSITIVE_INFINITY),
  }
}
