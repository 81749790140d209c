/** What goes wrong between a replicated log and its engine, in words. */
import { WalError, type WalErrorCode } from '../errors.ts'
import type { Ticket } from '../log/log.ts'

const PASSING: readonly WalErrorCode[] = ['WALV_IO', 'WALV_UNAVAILABLE']

/** Whether no retry mends it. */
export const isFinal = (error: unknown): error is WalError =>
  error instanceof WalError && !PASSING.includes(error.code)

/** Whether the engine promises that what it was given is not stored. */
export const isNotStored = (error: unknown): error is WalError =>
  error instanceof WalError && error.fate === 'not-logged'

const range = (from: number, through: number): string =>
  from === through ? `message ${from}` : `messages ${from} to ${through}`

export const unavailable = (name: string, waitedMs: number, ticket: Ticket, cause: unknown): WalError =>
  new WalError(
    'WALV_UNAVAILABLE',
    `The engine (${name}) has not taken this change for ${Math.round(waitedMs)} ms. It is tried on; whether it will take effect is not known. Ask settle(error.detail.ticket) later, here or on another node. Has the engine a quorum? Searches go on meanwhile.`,
    { fate: 'unknown', detail: { ticket }, cause },
  )

export const notSent = (name: string, waitedMs: number, cause: unknown): WalError =>
  new WalError(
    'WALV_UNAVAILABLE',
    `The engine (${name}) takes nothing, and this change has waited for ${Math.round(waitedMs)} ms behind others. Nothing was logged. Has the engine a quorum? Try again when health() says that it answers.`,
    { fate: 'not-logged', cause },
  )

export const noAnswer = (name: string, what: string, cause?: unknown): WalError =>
  new WalError(
    'WALV_UNAVAILABLE',
    `The engine (${name}) has not answered: ${what}. Is it running, has it a quorum, and can this node reach it? Try again.`,
    { cause },
  )

export const recreated = (name: string, known: string, found: string): WalError =>
  new WalError(
    'WALV_FOREIGN_LOG',
    `The engine (${name}) holds another log under this name: it was removed and made again, or put back from a copy (${found} instead of ${known}). Nothing was changed. If that was meant, open with an empty cacheDirectory; else put the old one back.`,
  )

export const otherLog = (name: string, known: string, found: string): WalError =>
  new WalError(
    'WALV_FOREIGN_LOG',
    `The engine (${name}) holds the log ${found}, and what this node keeps is of the log ${known}: two clusters have the same name. Nothing was changed. Give each a name of its own, or open with an empty cacheDirectory.`,
  )

export const endLost = (name: string, known: number, last: number): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `The engine (${name}) has lost what it had acknowledged: this node has taken message ${known}, and now the log ends with ${last === 0 ? 'nothing' : `message ${last}`}. Lost are ${range(last + 1, known)}. This node takes nothing more. Was a server put back from a copy, or promoted before it had everything? Where another server still has them, bring that back; else open again with an empty cacheDirectory, which accepts the loss.`,
    { detail: { from: last + 1, through: known } },
  )

export const trimmed = (name: string, place: number, first: number, seq: number): WalError =>
  new WalError(
    'WALV_SEQUENCE_TRIMMED',
    `The engine (${name}) no longer has message ${place}, which follows record ${seq}; the log begins with message ${first}.`,
    { seq: seq + 1 },
  )

export const damagedMessage = (name: string, place: number, tries: number): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `Message ${place} of the engine (${name}) does not match its sum, ${tries} times in turn. Nothing behind it is read here. Another server of the engine may have it whole. A node that has read it before can take a checkpoint: whoever opens then begins behind it.`,
    { detail: { from: place, through: place } },
  )

export const newerFrame = (name: string, place: number, version: number, known: number): WalError =>
  new WalError(
    'WALV_UNSUPPORTED_VERSION',
    `Message ${place} of the engine (${name}) is of version ${version}, and this walv knows version ${known}: a newer walv writes there. This node takes nothing more. Update walv here; nothing was changed.`,
  )

export const diverged = (name: string, place: number, own: string, theirs: string): WalError =>
  new WalError(
    'WALV_DIVERGED',
    `At message ${place} of the engine (${name}) this node has the fingerprint ${own}, and the node that took the checkpoint there had ${theirs}: one of the two is wrong. This node takes nothing more. Compare index.position of all nodes; close the one that differs and open it again, so that it begins with a snapshot. Please report this.`,
    { detail: { place, own, theirs } },
  )

export const passedOver = (ticket: Ticket): WalError =>
  new WalError(
    'WALV_IO',
    'The part of the log that this change stands in was let go of before this node could read it: it may have taken effect, or not have been possible there. Look for what it was to do.',
    { fate: 'unknown', detail: { ticket } },
  )
