import type { Scenario } from '../scenario.ts'

const IN_FLIGHT = 256

export const shareRate: Scenario = {
  name: 'share',
  title: 'several processes that share a directory, 768 dimensions: durable changes of all together',
  metric: { key: 'rate', title: 'changes', unit: '/s' },
  also: [
    { key: 'leastOfOne', title: 'least of a process', unit: '' },
    { key: 'leaderCpuUs', title: 'cpu of the leader a change', unit: 'µs' },
    { key: 'memberCpuUs', title: 'cpu of each other', unit: 'µs' },
  ],
  isLong: true,
  variants: ({ durationMs }) => [
    {
      label: '768 dimensions',
      contestants: [1, 4, 16].map((processes) => ({
        label: processes === 1 ? 'one process' : `${processes} processes`,
        peer: 'walv' as const,
        job: { kind: 'share', dimensions: 768, processes, inFlight: IN_FLIGHT, durationMs },
        durability: 'none' as const,
      })),
    },
  ],
}

export const goalTakeover: Scenario = {
  name: 'goal-takeover',
  title: 'how long a change takes that is called when the process is killed that leads, 128 dimensions',
  metric: { key: 'ms', title: 'median', unit: 'ms' },
  also: [
    { key: 'longestMs', title: 'longest', unit: 'ms' },
    { key: 'kills', title: 'kills', unit: '' },
  ],
  isOnce: true,
  variants: ({ quick }) =>
    (quick ? [1_000, 10_000] : [10_000, 1_000_000]).map((records) => ({
      label: `${records} vectors`,
      prepare: { kind: 'fill-past', dimensions: 128, records, tail: 0 },
      contestants: [
        {
          label: 'takeover',
          peer: 'walv' as const,
          job: { kind: 'share-takeover', dimensions: 128, kills: quick ? 3 : 5 },
          durability: 'none' as const,
        },
      ],
    })),
}
