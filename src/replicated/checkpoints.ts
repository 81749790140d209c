import { monotonicMs } from '../clock.ts'
import type { CheckpointEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import { CHECKPOINT_REQUEST, type CheckpointRequest } from '../log/log.ts'
import { checkOptions } from '../option-names.ts'
import { type Begin, newestBegin, type Opened } from './opening.ts'
import type { Position } from './order.ts'
import type { Passes } from './passes.ts'
import { pause } from './patience.ts'
import type { Replica } from './replica.ts'
import type { Manifest } from './snapshots.ts'
import { trimmed } from './trouble.ts'

/** Of the node that takes the checkpoints nothing was heard for so long: another one may. */
const TAKER_SILENT_MS = 60_000
const JUMP_TRIES = 20

/** The checkpoints of a log, as one node takes them and hears of others'. */
export class Checkpoints {
  /** The snapshot that is here, if there is one. */
  begin: Begin | undefined
  /** Taken by this node. */
  taken = 0
  /** Upkeep that failed behind one. */
  failures = 0
  lastError: string | undefined
  readonly #opened: Opened
  readonly #replica: Replica
  readonly #passes: Passes
  #running: Promise<unknown> = Promise.resolve()
  #othersAtMs: number | undefined

  constructor(opened: Opened, replica: Replica, passes: Passes) {
    this.#opened = opened
    this.#replica = replica
    this.#passes = passes
    this.begin = opened.begin
    this.#setBases(opened.manifests, opened.range.first)
  }

  /** Whether no other node is known to take them. */
  get isOwn(): boolean {
    return this.#othersAtMs === undefined || monotonicMs() - this.#othersAtMs > TAKER_SILENT_MS
  }

  /** Another node has taken one. */
  heardOf(_writer: string): void {
    this.#othersAtMs = monotonicMs()
  }

  /** Resolves when none is being taken any more. */
  async ended(): Promise<void> {
    await this.#running.catch(() => {})
  }

  /** Where the log stands at the moment of the call is what is kept with the snapshot. */
  take(request: CheckpointRequest, signal: AbortSignal): Promise<CheckpointEntry> {
    checkOptions('checkpoint', request, CHECKPOINT_REQUEST)
    const { seq, snapshot } = request
    const { order } = this.#replica
    const least = this.begin?.checkpoint.sequenceNumber ?? -1
    if (!Number.isSafeInteger(seq) || seq <= least || seq > order.seq) throw refused(seq, least, order.seq)
    const position = seq === order.seq ? this.#replica.position : undefined
    const taking = this.#take(seq, position, snapshot, signal)
    this.#running = taking
    return taking
  }

  async #take(
    seq: number,
    known: Position | undefined,
    write: CheckpointRequest['snapshot'],
    signal: AbortSignal,
  ): Promise<CheckpointEntry> {
    const { snapshots, range, cache } = this.#opened
    const position = known ?? (await this.#passes.positionAt(seq, signal))
    const manifest = await snapshots.publish(position, range.incarnation, write)
    const { checkpoint, takenAt } = manifest
    const snapshot = cache.snapshots.open(checkpoint.snapshot!)
    this.begin = { position, checkpoint, snapshot, takenAt }
    this.taken++
    this.#othersAtMs = undefined
    await this.#keepUp(manifest).catch((error: Error) => {
      this.failures++
      this.lastError = error.message
    })
    return checkpoint
  }

  /** It counts already: what fails here is made up for by the next one. */
  async #keepUp({ id, position }: Manifest): Promise<void> {
    const { snapshots, link } = this.#opened
    const { outbox } = this.#replica
    const kept = await snapshots.keepNewest()
    // Where the log was full, all that a snapshot covers goes, and else only what two do.
    const before = outbox.wasFull ? position : kept[1]?.position
    outbox.wasFull = false
    if (before) await link.insist('to trim the log', () => link.engine.trim(before.place + 1))
    this.#setBases(kept, (await link.insist('how far the log reaches', () => link.range())).first)
    // Only now: a log that is full takes it only when it was trimmed.
    await this.#replica.say({ say: 'checkpoint', snapshot: id })
  }

  #setBases(manifests: readonly Manifest[], first: number): void {
    const positions = manifests.map(({ position }) => position).filter(({ place }) => place + 1 >= first)
    const ascending = positions.toSorted((a, b) => a.seq - b.seq)
    this.#passes.bases = first === 1 ? [undefined, ...ascending] : ascending
  }

  /**
   * Fetches a snapshot that reaches further than this record: where the log begins now.
   * @throws WALV_SEQUENCE_TRIMMED where there is none
   */
  async jump(seq: number): Promise<Position> {
    const { snapshots, link } = this.#opened
    for (let tries = 1; ; tries++) {
      const { first } = await link.insist('how far the log reaches', () => link.range())
      const all = await snapshots.manifests()
      const newer = all.filter(({ position }) => position.seq > seq && position.place + 1 >= first)
      const begin = await newestBegin(snapshots, newer)
      if (begin) {
        this.begin = begin
        this.#setBases(all, first)
        return begin.position
      }
      // One may be removed while it is fetched, for a newer one.
      if (tries === JUMP_TRIES) throw trimmed(link.name, this.#replica.order.place + 1, first, seq)
      await pause(link.timing.retryMs)
    }
  }
}

const refused = (seq: number, least: number, lastSeq: number): WalError =>
  new WalError(
    'WALV_CHECKPOINT',
    `A checkpoint of record ${seq} cannot be taken: the last one reaches through ${least}, and the log ends with record ${lastSeq}.`,
  )
