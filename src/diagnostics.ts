/**
 * What walv tells through `node:diagnostics_channel`, for who wants to measure or trace it. Nothing
 * is built, and nothing costs, where nobody has subscribed. Names and meaning of the channels:
 * `docs/telemetry.md`.
 */
import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { CheckpointEntry, Damage } from './entry.ts'
import type { WalError } from './errors.ts'

/** What every message names: the log that it is about. */
export interface LogMessage {
  /** The log's directory, as an absolute path. */
  readonly directory: string
}

/** `walv:group`: a group of appends has been acknowledged. */
export interface GroupMessage extends LogMessage {
  readonly firstSeq: number
  /** Records in the group. A batch is one. */
  readonly entries: number
  /** Bytes of their frames. */
  readonly bytes: number
  /**
   * How long the sync took that made it durable; undefined where the durability level does not wait
   * for one.
   */
  readonly syncMs: number | undefined
  /** Bytes that wait behind it. */
  readonly pendingBytes: number
}

/**
 * `walv:sync`: a sync of the active segment has succeeded, or a call that writes a small group and
 * syncs it.
 */
export interface SyncMessage extends LogMessage {
  readonly file: string
  readonly durationMs: number
}

/** `walv:slow-sync`: a sync for which appends waited took `slowSyncMs` or longer. */
export interface SlowSyncMessage extends SyncMessage {
  readonly slowSyncMs: number
  /** Median of the last syncs before it, of at most 128; undefined if it was the first. */
  readonly medianMs: number | undefined
}

/** `walv:rotation`: the log goes on in a new segment. */
export interface RotationMessage extends LogMessage {
  readonly file: string
  /** The number of the segment. */
  readonly segment: number
  readonly capacityBytes: number
}

/** `walv:retention`: a segment that nothing kept needs any more has been removed. */
export interface RetentionMessage extends LogMessage {
  readonly file: string
  readonly bytes: number
  /** The first sequence number that is kept now. */
  readonly firstSeq: number
}

/**
 * `walv:damage`: opening or reading found damage; one message a place. A torn tail is ordinary: it
 * is what a crash leaves.
 */
export interface DamageMessage extends LogMessage {
  readonly damage: Damage
}

/** `walv:poison`: a failed write or sync has stopped the log, or a failed engine the index. */
export interface PoisonMessage extends LogMessage {
  readonly error: WalError
}

/** `walv:close`: a log that was open has been closed. */
export interface CloseMessage extends LogMessage {
  readonly readOnly: boolean
}

/**
 * `walv:role`: of those that share the directory, this process writes the log from now on, or
 * another one that it has found does.
 */
export interface RoleMessage extends LogMessage {
  readonly role: 'leader' | 'member'
  readonly leaderPid: number
}

/** What a tracing channel tells in addition once the work has ended. */
interface Traced<Result> {
  /** Set on `asyncStart` and `asyncEnd` of what succeeded. */
  result?: Result
  /** Set on `error`, and from there on. */
  error?: unknown
}

/**
 * `tracing:walv:open:…` (the result is the `Wal`) and `tracing:walv:index-open:…` (the
 * `DurableIndex`, whose log has been opened within).
 */
export interface OpenMessage<Opened = unknown> extends LogMessage, Traced<Opened> {
  readonly readOnly: boolean
}

/** `tracing:walv:checkpoint:…`: from the call to the end of the upkeep behind it. */
export interface CheckpointMessage extends LogMessage, Traced<CheckpointEntry> {
  /** The sequence number through which the snapshot is to reach. */
  readonly seq: number
}

/** A channel of one kind of message. */
export type TypedChannel<Message extends LogMessage> = Omit<Channel<unknown, Message>, 'publish'> & {
  publish(message: Message): void
}

/** The channels of work that begins and ends. */
export type TypedTracing<Message extends LogMessage> = TracingChannel<unknown, Message> & {
  readonly start: TypedChannel<Message>
  readonly asyncEnd: TypedChannel<Message>
}

const channelOf = <Message extends LogMessage>(name: string): TypedChannel<Message> =>
  channel(name) as TypedChannel<Message>

const tracingOf = <Message extends LogMessage>(name: string): TypedTracing<Message> =>
  tracingChannel(name) as TypedTracing<Message>

export const groupChannel: TypedChannel<GroupMessage> = channelOf('walv:group')
export const syncChannel: TypedChannel<SyncMessage> = channelOf('walv:sync')
export const slowSyncChannel: TypedChannel<SlowSyncMessage> = channelOf('walv:slow-sync')
export const rotationChannel: TypedChannel<RotationMessage> = channelOf('walv:rotation')
export const retentionChannel: TypedChannel<RetentionMessage> = channelOf('walv:retention')
export const damageChannel: TypedChannel<DamageMessage> = channelOf('walv:damage')
export const poisonChannel: TypedChannel<PoisonMessage> = channelOf('walv:poison')
export const closeChannel: TypedChannel<CloseMessage> = channelOf('walv:close')
export const roleChannel: TypedChannel<RoleMessage> = channelOf('walv:role')

export const openTracing: TypedTracing<OpenMessage> = tracingOf('walv:open')
export const indexOpenTracing: TypedTracing<OpenMessage> = tracingOf('walv:index-open')
export const checkpointTracing: TypedTracing<CheckpointMessage> = tracingOf('walv:checkpoint')

/** Does the work, as a trace of it if anybody listens. */
export function traced<Message extends LogMessage, Result>(
  tracing: TypedTracing<Message>,
  message: () => Message,
  work: () => Promise<Result>,
): Promise<Result> {
  return tracing.hasSubscribers ? tracing.tracePromise(work, message()) : work()
}
