import { CPU, type Scenario } from '../scenario.ts'
import { raw } from './headline.ts'

const DIMENSIONS = 768

export const oneAtATime: Scenario = {
  name: 'one-at-a-time',
  title: 'latency of one durable append at a time',
  metric: { key: 'p50Us', title: 'median', unit: 'µs' },
  also: [{ key: 'p99Us', title: 'p99', unit: 'µs' }, CPU],
  variants: ({ warmUpMs, durationMs }) => [
    {
      label: `${DIMENSIONS} dimensions`,
      contestants: [
        { label: 'walv', peer: 'walv', job: { kind: 'latency', dimensions: DIMENSIONS, warmUpMs, durationMs } },
        raw(DIMENSIONS, 'raw-async'),
        raw(DIMENSIONS),
      ],
    },
  ],
}
