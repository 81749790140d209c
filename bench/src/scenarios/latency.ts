import type { PeerName } from '../peers/registry.ts'
import { type Contestant, CPU, type Metric, type Scenario, type Settings } from '../scenario.ts'
import { raw } from './contestants.ts'

const DIMENSIONS = 768
const PEERS: readonly PeerName[] = [
  'lmdb',
  'rocksdb',
  'classic-level',
  'better-sqlite3',
  'node-sqlite',
  'sqlite-vec',
  'lancedb',
  'hypercore',
]

const us = (key: string, title: string): Metric => ({ key, title, unit: 'µs' })

function waiter(peer: PeerName, { warmUpMs, durationMs }: Settings): Contestant {
  return { label: peer, peer, job: { kind: 'latency', dimensions: DIMENSIONS, warmUpMs, durationMs } }
}

export const oneAtATime: Scenario = {
  name: 'one-at-a-time',
  title: 'latency of one durable append at a time, 768 dimensions',
  metric: us('p50Us', 'median'),
  also: [us('p99Us', 'p99'), CPU],
  variants: (settings) => [
    {
      label: `${DIMENSIONS} dimensions`,
      contestants: [
        waiter('walv', settings),
        raw(DIMENSIONS, 'raw-async'),
        raw(DIMENSIONS),
        ...(settings.quick ? [] : PEERS.map((peer) => waiter(peer, settings))),
      ],
    },
  ],
}

export const paced: Scenario = {
  name: 'paced',
  title: 'latency at a fixed rate, 768 dimensions, counted from when an append was due',
  metric: us('p50Us', 'median'),
  also: [us('p90Us', 'p90'), us('p99Us', 'p99'), us('p999Us', 'p99.9'), us('maxUs', 'longest')],
  isLong: true,
  variants: ({ warmUpMs, durationMs }) =>
    [500, 2000, 10_000].map((ratePerSecond) => ({
      label: `${ratePerSecond} a second`,
      contestants: (['walv', 'lmdb', 'rocksdb', 'classic-level', 'better-sqlite3', 'hypercore'] as const).map(
        (peer) => ({
          label: peer,
          peer,
          job: { kind: 'paced', dimensions: DIMENSIONS, ratePerSecond, warmUpMs, durationMs },
        }),
      ),
    })),
}
