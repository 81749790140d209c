import type { Contestant, Metric, Scenario } from '../scenario.ts'

const MS: Metric = { key: 'ms', title: 'time', unit: 'ms' }
const RECORDS: Metric = { key: 'recordsPerSecond', title: 'records', unit: '/s' }
const MEMORY: Metric = { key: 'peakRssMb', title: 'peak memory', unit: 'MB' }

/** More vectors take minutes each to be put into a graph. */
const MAX_GRAPH_RECORDS = 100_000

/** Reads what is there: nothing to acknowledge. */
function reader(label: string, kind: string, dimensions: number, more: object = {}): Contestant {
  return { label, peer: 'walv', job: { kind, dimensions, ...more }, durability: 'none' }
}

/** A recovery into this engine, and what that has without a log. */
const intoEngine = (engine: string, bare: string): Contestant[] => [
  reader(`into ${engine}`, 'recover-index', 128, { engine }),
  reader(bare, 'bare-index', 128, { engine }),
]

export const read: Scenario = {
  name: 'read',
  title:
    'reading a log that is in the system’s memory: verified and decoded, against a plain read of the same files',
  metric: { key: 'mbPerSecond', title: 'read', unit: 'MB/s' },
  also: [RECORDS],
  variants: ({ quick }) =>
    (quick ? [768] : [3, 128, 768, 3072]).map((dimensions) => ({
      label: `${dimensions} dimensions`,
      prepare: {
        kind: 'fill',
        dimensions,
        records: Math.ceil((quick ? 60_000_000 : 400_000_000) / (4 * dimensions + 64)),
      },
      contestants: [
        reader('walv, borrowed', 'read-borrowed', dimensions),
        reader('walv', 'read-log', dimensions),
        reader('plain read into memory', 'read-into-memory', dimensions),
        reader('plain read into one buffer', 'read-plain', dimensions),
      ],
    })),
}

export const recovery: Scenario = {
  name: 'recovery',
  title:
    'opening a log and reading all of it, 128 dimensions; its peak of memory, and that of a process that recovers nothing',
  metric: MEMORY,
  also: [MS, RECORDS],
  x: 'records',
  variants: ({ quick }) =>
    (quick ? [100_000] : [10_000, 100_000, 1_000_000]).map((records) => ({
      label: `${records} records`,
      at: { plot: 'records', x: records },
      prepare: { kind: 'fill', dimensions: 128, records },
      contestants: [
        reader('into nothing', 'recover-nothing', 128),
        reader('an empty log', 'empty-process', 128),
        ...intoEngine('flat', 'the bare index'),
        ...(quick || records > MAX_GRAPH_RECORDS ? [] : intoEngine('usearch', 'the bare graph')),
      ],
    })),
}

export const checkpointOpen: Scenario = {
  name: 'checkpoint-open',
  title: 'opening a durable index of 128 dimensions with a checkpoint and without; 1 000 records behind it',
  metric: MS,
  also: [RECORDS, MEMORY],
  isLong: true,
  variants: () =>
    [10_000, 100_000].map((records) => ({
      label: `${records} vectors`,
      prepare: { kind: 'fill-indexes', dimensions: 128, records, tail: 1000 },
      contestants: [
        reader('with a checkpoint', 'recover-index', 128, { engine: 'flat', subdirectory: 'with' }),
        reader('without', 'recover-index', 128, { engine: 'flat', subdirectory: 'without' }),
      ],
    })),
}
