import type { Scenario } from '../scenario.ts'

const jobOf = (kind: string): { readonly kind: string; readonly dimensions: number } => ({
  kind,
  dimensions: 128,
})

/** The past of an index with a checkpoint and 1,000 changes behind it. */
export const goalPast: Scenario = {
  name: 'goal-past',
  title: 'a moment of the past, behind the last checkpoint of an index, 128 dimensions',
  metric: { key: 'ms', title: 'took', unit: 'ms' },
  also: [{ key: 'replayed', title: 'changes written again', unit: '' }],
  isOnce: true,
  variants: ({ quick }) => {
    const records = quick ? 20_000 : 1_000_000
    const size = { records, tail: 1_000 }
    return [
      {
        label: `${records} vectors`,
        prepare: { ...jobOf('fill-past'), ...size },
        contestants: (
          [
            ['ordinary opening', 'open-present'],
            ['openAt', 'open-past'],
            ['fork', 'fork-past'],
          ] as const
        ).map(([label, kind]) => ({
          label,
          peer: 'walv' as const,
          job: { ...jobOf(kind), ...size },
          durability: 'none' as const,
        })),
      },
    ]
  },
}
