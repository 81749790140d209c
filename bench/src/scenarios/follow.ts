import type { Scenario } from '../scenario.ts'

/** As long as it takes for some thousand changes to be looked for. */
const LEAST_MS = 10_000

export const goalFollow: Scenario = {
  name: 'goal-follow',
  group: 'goals',
  title:
    'how long after its acknowledgement a change is shown in another process, beside a writer at full speed: 768 dimensions, 256 in flight',
  metric: { key: 'p99Ms', title: 'p99', unit: 'ms' },
  also: [
    { key: 'medianMs', title: 'median', unit: 'ms' },
    { key: 'longestMs', title: 'longest', unit: 'ms' },
    { key: 'probes', title: 'changes looked for', unit: '' },
    { key: 'rate', title: 'changes', unit: '/s' },
    { key: 'readerCpuUs', title: 'cpu of the reader a change', unit: 'µs' },
  ],
  variants: ({ durationMs }) => [
    {
      label: '768 dimensions',
      contestants: (['follow', 'share'] as const).map((how) => ({
        label: how === 'follow' ? 'a follower' : 'a member',
        peer: 'walv' as const,
        job: {
          kind: 'follow-lag',
          dimensions: 768,
          inFlight: 256,
          how,
          durationMs: Math.max(durationMs, LEAST_MS),
        },
        durability: 'none' as const,
      })),
    },
  ],
}
