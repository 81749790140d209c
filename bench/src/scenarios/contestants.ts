import type { Load } from '../loops.ts'
import type { Engine } from '../peers/peer.ts'
import type { PeerName } from '../peers/registry.ts'
import type { RecordOptions } from '../records.ts'
import type { Contestant, Settings } from '../scenario.ts'

const MAX_RECORDS_A_SECOND = 500_000

export const IN_FLIGHT: Load = { shape: 'closed', size: 256 }
export const BATCHES: Load = { shape: 'batches', size: 256 }

/** A peer that appends for as long as the settings say. */
export function appender(
  peer: PeerName,
  load: Load,
  settings: Settings,
  dimensions: number,
  label: string = peer,
  more: Partial<Contestant> & {
    readonly walv?: object
    readonly records?: RecordOptions
    readonly engine?: Engine
  } = {},
): Contestant {
  const { warmUpMs, durationMs } = settings
  const maxRecords = Math.ceil((MAX_RECORDS_A_SECOND * (warmUpMs + durationMs)) / 1000)
  const { walv, records, engine, ...rest } = more
  const options = { ...(walv && { walv }), ...(records && { records }), ...(engine && { engine }) }
  const job = { kind: 'append', dimensions, load, warmUpMs, durationMs, maxRecords, ...options }
  return { label, peer, job, ...rest }
}

/** The bare program that does walv's groups again. */
export const raw = (
  dimensions: number,
  peer: 'raw' | 'raw-async' = 'raw',
  more: object = {},
): Contestant => ({
  label: peer,
  peer,
  job: { kind: 'replay-raw', dimensions, ...more },
  isPaired: true,
})
