/**
 * What a replicated log needs of an engine: one order of messages that outlives machines, and a
 * place for snapshots. Everything else is the log's own work: sums, numbers, retries, doubles, gaps
 * in reading, who wrote what. An engine's adapter need not be clever; it must not lie.
 */

/**
 * What an acknowledged message survives.
 *
 * - `quorum-synced`: any minority of the servers, and a power cut of all of them at once.
 * - `quorum-memory`: any minority of the servers; a power cut of a majority may lose it.
 * - `one-synced`: a power cut of the one server that has it, but not the loss of its disk.
 * - `one-memory`: a crash of the server's process, and nothing more.
 *
 * An adapter states what is in force, as far as it can check that, and never more.
 */
export type Guarantee = 'quorum-synced' | 'quorum-memory' | 'one-synced' | 'one-memory'

/** A message at its place. */
export interface EngineMessage {
  /**
   * The place in the engine's order: a whole number from 1 on, without a hole. No place is ever
   * used twice, not even when everything was trimmed.
   */
  readonly place: number
  /** The bytes that were appended. The engine does not change them any more. */
  readonly bytes: Uint8Array
}

/** What there is. */
export interface EngineRange {
  /** The place of the oldest message that is kept; `last + 1` where none is. */
  readonly first: number
  /** The place of the newest message that was ever acknowledged, also if it was trimmed; or 0. */
  readonly last: number
  /**
   * Names this very store of messages: another where it was removed and made again, or put back
   * from a copy where the engine can tell that. 1 to 200 characters.
   */
  readonly incarnation: string
}

export interface EngineReadOptions {
  /** The first place. One that is not there yet is waited for. */
  readonly from: number
  /** Ends the iteration, soon and without an error. */
  readonly signal: AbortSignal
}

/**
 * A way to an engine, for one log, which closes it. Nothing is asked of it after `close`.
 *
 * Errors. Whatever a call rejects with is taken for trouble that passes, and tried again, except a
 * `WalError` with another code than `WALV_IO` and `WALV_UNAVAILABLE`: that is final. So an adapter
 * translates what no retry mends, such as refused credentials (`WALV_PERMISSION`), and nothing
 * else. No error, name or message of an adapter ever has credentials in it.
 *
 * Time. A call need not set itself a limit: the log gives up waiting, and asks again. What is
 * answered after that is ignored.
 */
export interface Engine {
  /** What it is and where, for messages: `JetStream stream walv_orders at nats-1:4222`. */
  readonly name: string
  readonly guarantee: Guarantee
  /** The longest message that `append` takes, in bytes: at least 64 KiB. */
  readonly maxFrameBytes: number

  /**
   * Puts a message behind all others, and resolves to its place when it is as durable as
   * `guarantee` says. Calls may overlap; then any order of theirs is right, and so is a message
   * that is stored twice: readers know doubles.
   *
   * A rejection says nothing about whether the message is stored, or will be, with one exception: a
   * `WalError` with `fate: 'not-logged'` promises that this call never stores it. Where the store
   * is full that is `WALV_DISK_FULL`.
   */
  append(frame: Uint8Array): Promise<number>

  /**
   * What there is now, as those servers say that decide what is acknowledged: everything that was
   * acknowledged to anybody before the call is within it.
   */
  range(): Promise<EngineRange>

  /**
   * The messages from a place on, in order, each once: what is there, and then what comes, some
   * at a time. It does not end by itself. It may end or reject at any time all the same, and may
   * fall silent; then it is called again, behind what was told. Only messages that are acknowledged
   * are told, or that are sure to be: none that is told may vanish. It holds at most about 16 MiB
   * that were not asked for. A place that was trimmed is not passed over silently: it rejects, or
   * begins with a later place, which the log sees.
   */
  read(options: EngineReadOptions): AsyncIterable<readonly EngineMessage[]>

  /**
   * Every message before this place may go; it and all behind it stay. Resolves when they are gone,
   * or are sure to go. A place that is beyond the end, or trimmed already, is not an error.
   */
  trim(before: number): Promise<void>

  /** Where snapshots are kept. */
  readonly objects: EngineObjects

  /** Ends all that is under way. Called once, last. */
  close(): Promise<void>
}

/**
 * Values by their keys, as durable as messages. What was put is what is got, until it is
 * removed. A key has 1 to 200 of the characters `a-z 0-9 - /`; a `/` parts it, and never stands at
 * an end or beside another.
 */
export interface EngineObjects {
  /** The longest value that `put` takes, in bytes: at least 64 KiB. More than 1 MiB is not used. */
  readonly maxBytes: number
  /**
   * Resolves when it is durable; from then on `get` and `list` of everybody see it. After a
   * rejection it may be there or not. The log never puts two values under one key.
   */
  put(key: string, value: Uint8Array): Promise<void>
  /** Undefined where it is not there. */
  get(key: string): Promise<Uint8Array | undefined>
  /** The keys `prefix/…`, in any order. It is asked only where there are a hundred at most. */
  list(prefix: string): Promise<string[]>
  /** Removes the key itself and all `prefix/…`. What is not there is not an error. */
  remove(prefix: string): Promise<void>
}
