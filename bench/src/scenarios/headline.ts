import type { Load } from '../loops.ts'
import type { PeerName } from '../peers/registry.ts'
import { type Contestant, CPU, RATE, RECORDS_PER_SYNC, type Scenario, type Settings } from '../scenario.ts'

const DIMENSIONS = 768
const MAX_RECORDS_A_SECOND = 300_000

export const IN_FLIGHT: Load = { shape: 'closed', size: 256 }
export const BATCHES: Load = { shape: 'batches', size: 256 }

/** A peer that appends for as long as the settings say. */
export function appender(
  peer: PeerName,
  load: Load,
  settings: Settings,
  dimensions: number,
  label: string = peer,
  more: Partial<Contestant> & { readonly walv?: object } = {},
): Contestant {
  const { warmUpMs, durationMs } = settings
  const maxRecords = Math.ceil((MAX_RECORDS_A_SECOND * (warmUpMs + durationMs)) / 1000)
  const { walv, ...rest } = more
  const job = { kind: 'append', dimensions, load, warmUpMs, durationMs, maxRecords, ...(walv && { walv }) }
  return { label, peer, job, ...rest }
}

/** The bare program that does walv's groups again. */
export const raw = (dimensions: number, peer: 'raw' | 'raw-async' = 'raw'): Contestant => ({
  label: peer,
  peer,
  job: { kind: 'replay-raw', dimensions },
  isPaired: true,
})

export const headline: Scenario = {
  name: 'headline',
  title: `durable appends, ${DIMENSIONS} dimensions: 256 in flight, or batches or transactions of 256`,
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  variants: (settings) => [
    {
      label: `${DIMENSIONS} dimensions`,
      contestants: [
        appender('walv', IN_FLIGHT, settings, DIMENSIONS, 'walv, 256 in flight'),
        raw(DIMENSIONS),
        raw(DIMENSIONS, 'raw-async'),
        appender('walv', BATCHES, settings, DIMENSIONS, 'walv, batches of 256'),
        appender('walv-transactions', BATCHES, settings, DIMENSIONS, 'walv, transactions of 256'),
      ],
    },
  ],
}
