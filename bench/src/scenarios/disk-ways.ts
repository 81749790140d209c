import type { Scenario } from '../scenario.ts'

/** Into files that were written before, but for those that say otherwise. */
const WAYS = [
  ...['two calls', 'one call, O_DIRECT and O_DSYNC'].map((way) => ({
    label: `${way}, into a file without blocks`,
    way,
    isSparse: true,
  })),
  ...[
    'two calls',
    'one call, O_DSYNC',
    'one call, O_DIRECT and O_DSYNC',
    'two blocking calls',
    'two blocking calls in a thread of its own',
  ].map((way) => ({ label: way, way })),
]
/**
 * One record of 768 dimensions, and what 256 callers in flight make of them; whole pages, which
 * O_DIRECT needs.
 */
const SIZES = [
  { label: 'a lone append', groupBytes: 4096, groups: 4000 },
  { label: 'a group of 88 records', groupBytes: 69 * 4096, groups: 1000 },
]

export const diskWays: Scenario = {
  name: 'disk-ways',
  title: 'ways to get groups onto the disk, one after the other, without a log',
  metric: { key: 'mbPerSecond', title: 'written', unit: 'MB/s' },
  also: [
    { key: 'p50Us', title: 'median', unit: 'µs' },
    { key: 'p99Us', title: 'p99', unit: 'µs' },
    { key: 'cpuUsPerGroup', title: 'cpu a group', unit: 'µs' },
  ],
  isLong: true,
  variants: () =>
    SIZES.map(({ label, groupBytes, groups }) => ({
      label,
      contestants: WAYS.map(({ label, ...way }) => ({
        label,
        peer: 'raw',
        job: { kind: 'disk-way', dimensions: 768, ...way, groupBytes, groups },
        durability: 'none',
      })),
    })),
}
