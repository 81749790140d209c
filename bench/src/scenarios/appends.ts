import type { Load } from '../loops.ts'
import type { PeerName } from '../peers/registry.ts'
import { CPU, RATE, RECORDS_PER_SYNC, type Scenario, type Settings, type Variant } from '../scenario.ts'
import { appender, IN_FLIGHT, raw } from './contestants.ts'

const PEERS: readonly PeerName[] = ['lmdb', 'rocksdb', 'classic-level', 'better-sqlite3']
const WALV_ONLY_DIMENSIONS = 3

/** walv, raw and those peers that are called once for each append. */
function variantOf(load: Load, dimensions: number, settings: Settings, peers: readonly PeerName[]): Variant {
  return {
    label: `${load.size} in flight, ${dimensions} dimensions`,
    at: { plot: `${dimensions} dimensions`, x: load.size },
    contestants: [
      appender('walv', load, settings, dimensions),
      raw(dimensions),
      raw(dimensions, 'raw-async'),
      ...peers.map((peer) => appender(peer, load, settings, dimensions)),
    ],
  }
}

export const inFlight: Scenario = {
  name: 'in-flight',
  title: 'durable appends by how many are in flight, and by dimensions',
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  x: 'in flight',
  isLong: true,
  variants: (settings) =>
    [3, 128, 768, 1536, 3072].flatMap((dimensions) =>
      [1, 16, 256, 1024].map((size) => variantOf({ shape: 'closed', size }, dimensions, settings, PEERS)),
    ),
}

export const waves: Scenario = {
  name: 'waves',
  title: 'durable appends in waves: so many at once, and again when all are acknowledged',
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  x: 'in flight',
  isLong: true,
  variants: (settings) =>
    [16, 256, 1024].map((size) => variantOf({ shape: 'waves', size }, 768, settings, ['lmdb', 'rocksdb'])),
}

/** Growth in how many wait: what an append costs must not depend on it. */
export const waiting: Scenario = {
  name: 'waiting',
  title: 'processor time of an append by how many wait',
  metric: CPU,
  also: [RATE, RECORDS_PER_SYNC],
  x: 'in flight',
  isLong: true,
  variants: (settings) =>
    [1, 4, 16, 64, 256, 1024, 4096].map((size) =>
      variantOf({ shape: 'closed', size }, WALV_ONLY_DIMENSIONS, settings, []),
    ),
}

export const levels: Scenario = {
  name: 'levels',
  title: 'levels of durability, 768 dimensions, 256 in flight',
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  isLong: true,
  variants: (settings) => [
    {
      label: '768 dimensions',
      contestants: [
        appender('walv', IN_FLIGHT, settings, 768, "walv, 'commit'"),
        ...[{ intervalMs: 10 }, { intervalMs: 100 }, { intervalMs: 1000 }, 'os'].map((durability) =>
          appender('walv', IN_FLIGHT, settings, 768, `walv, ${textOf(durability)}`, {
            durability: 'weaker',
            walv: { durability },
          }),
        ),
      ],
    },
  ],
}

const textOf = (durability: { intervalMs: number } | string): string =>
  typeof durability === 'string' ? `'${durability}'` : `{ intervalMs: ${durability.intervalMs} }`
