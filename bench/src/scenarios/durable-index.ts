import type { Load } from '../loops.ts'
import { CPU, RATE, RECORDS_PER_SYNC, type Scenario, type Settings, type Variant } from '../scenario.ts'
import { appender } from './contestants.ts'

/**
 * A `Wal` refuses what exceeds it, where an index lets its callers wait: room for 10^5 records of
 * 768 dimensions.
 */
const ROOM = { maxPendingBytes: 512 * 1024 * 1024 }

const closed = (size: number): Load => ({ shape: 'closed', size })
/** As many as `insertMany` has in flight. */
const STREAM: Load = { shape: 'stream', size: 1024 }

function inFlightOf(size: number, dimensions: number, settings: Settings): Variant {
  return {
    label: `${size} in flight, ${dimensions} dimensions`,
    at: { plot: `${dimensions} dimensions`, x: size },
    contestants: [
      appender('durable-index', closed(size), settings, dimensions, 'DurableIndex, flat'),
      appender('walv', closed(size), settings, dimensions, 'Wal', { walv: ROOM }),
      appender('lmdb', closed(size), settings, dimensions),
    ],
  }
}

function manyOf(dimensions: number, settings: Settings): Variant {
  return {
    label: `insertMany, ${dimensions} dimensions`,
    contestants: [
      appender('durable-index', STREAM, settings, dimensions, 'DurableIndex, flat, insertMany'),
      appender('walv', closed(STREAM.size), settings, dimensions, 'Wal, as many in flight'),
      appender('lmdb', closed(STREAM.size), settings, dimensions, 'lmdb, as many in flight'),
    ],
  }
}

export const durableIndex: Scenario = {
  name: 'durable-index',
  title: 'durable inserts into a DurableIndex with flat, against the log alone and lmdb',
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  x: 'in flight',
  variants: (settings) =>
    [128, 768].flatMap((dimensions) => [
      ...(settings.quick ? [256] : [1, 256, 100_000]).map((size) => inFlightOf(size, dimensions, settings)),
      manyOf(dimensions, settings),
    ]),
}
