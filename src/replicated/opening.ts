import type { CheckpointEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { Snapshot } from '../log/log.ts'
import { Cache } from './cache.ts'
import type { EngineRange } from './engine.ts'
import { EngineLink } from './link.ts'
import type { ReplicatedLogSettings } from './options.ts'
import type { Position } from './order.ts'
import { checkStore } from './reading.ts'
import { type Manifest, Snapshots } from './snapshots.ts'
import { isFinal, noAnswer, otherLog, recreated } from './trouble.ts'

/** A snapshot that is here, and where to go on behind it. */
export interface Begin {
  readonly position: Position
  readonly checkpoint: CheckpointEntry
  readonly snapshot: Snapshot
  readonly takenAt: number
}

/** What an opening has found. */
export interface Opened {
  readonly link: EngineLink
  readonly cache: Cache
  readonly snapshots: Snapshots
  readonly range: EngineRange
  /** The log that this node has seen before; undefined where it has seen none. */
  readonly logId: string | undefined
  /** Those that can be gone on from, the newest first. */
  readonly manifests: readonly Manifest[]
  /** Undefined where the log is read from its first message on. */
  readonly begin: Begin | undefined
}

/**
 * Finds an engine's log, makes sure that it is the one that this node knows, and fetches the
 * newest snapshot.
 * @throws WALV_LOCKED, WALV_UNAVAILABLE, WALV_FOREIGN_LOG, WALV_DAMAGED
 */
export async function openNode(settings: ReplicatedLogSettings): Promise<Opened> {
  const cache = await Cache.open(settings.disk, settings.cacheDirectory)
  try {
    const link = new EngineLink(await openEngine(settings), settings.timing)
    try {
      return await find(link, cache)
    } catch (error) {
      await link.engine.close().catch(() => {})
      throw error
    }
  } catch (error) {
    await cache.close()
    throw error
  }
}

async function openEngine({ openEngine: open, name }: ReplicatedLogSettings) {
  try {
    return await open()
  } catch (error) {
    if (isFinal(error)) throw error
    throw noAnswer(name, 'to the opening of it', error)
  }
}

async function find(link: EngineLink, cache: Cache): Promise<Opened> {
  const range = await link.insist('how far the log reaches', () => link.range())
  const known = await cache.known()
  if (known) await checkStore(link, range, known)
  const snapshots = new Snapshots(link, cache)
  const all = await snapshots.manifests()
  const other = all.find(({ incarnation }) => incarnation !== range.incarnation)
  if (other) throw recreated(link.name, other.incarnation, range.incarnation)
  const logId = known?.logId ?? undefined
  const stranger = all.find(({ position }) => logId !== undefined && position.logId !== logId)
  if (stranger) throw otherLog(link.name, logId!, String(stranger.position.logId))
  const manifests = all.filter(({ position }) => position.place + 1 >= range.first)
  const begin = await newestBegin(snapshots, manifests)
  if (begin === undefined && range.first > 1) throw noBegin(link.name, range.first)
  return { link, cache, snapshots, range, logId, manifests, begin }
}

/** The newest snapshot that is whole, of those that can be gone on from. */
export async function newestBegin(
  snapshots: Snapshots,
  manifests: readonly Manifest[],
): Promise<Begin | undefined> {
  for (const manifest of manifests) {
    try {
      const snapshot = await snapshots.fetch(manifest)
      const { position, checkpoint, takenAt } = manifest
      return { position, checkpoint, snapshot, takenAt }
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'WALV_DAMAGED') throw error
    }
  }
  return undefined
}

const noBegin = (name: string, first: number): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `The log in the engine (${name}) begins with message ${first}, and no snapshot there is whole that reaches that far. A node that is still running has everything: call its checkpoint(), then open again.`,
  )
