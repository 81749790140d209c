import { CPU, DISK, RATE, RECORDS_PER_SYNC, type Scenario, SYSTEM_CPU } from '../scenario.ts'
import { appender, BATCHES, IN_FLIGHT, raw } from './contestants.ts'

const DIMENSIONS = 768

export const headline: Scenario = {
  name: 'headline',
  title: `durable appends, ${DIMENSIONS} dimensions: 256 in flight, or batches or transactions of 256`,
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU, SYSTEM_CPU, DISK],
  variants: (settings) => [
    {
      label: `${DIMENSIONS} dimensions`,
      contestants: [
        appender('walv', IN_FLIGHT, settings, DIMENSIONS, 'walv, 256 in flight'),
        raw(DIMENSIONS),
        raw(DIMENSIONS, 'raw-async'),
        {
          ...raw(DIMENSIONS, 'raw-async', { isSparse: true }),
          label: 'raw-async, into new files, writing ahead',
        },
        appender('lmdb', IN_FLIGHT, settings, DIMENSIONS, 'lmdb, 256 in flight'),
        appender('rocksdb', IN_FLIGHT, settings, DIMENSIONS, 'rocksdb, one append an operation'),
        appender('classic-level', IN_FLIGHT, settings, DIMENSIONS, 'classic-level, one append an operation'),
        appender(
          'better-sqlite3',
          IN_FLIGHT,
          settings,
          DIMENSIONS,
          'better-sqlite3, one append an operation',
        ),
        appender('walv', BATCHES, settings, DIMENSIONS, 'walv, batches of 256'),
        appender('walv-transactions', BATCHES, settings, DIMENSIONS, 'walv, transactions of 256'),
        appender('lmdb', BATCHES, settings, DIMENSIONS, 'lmdb, batches of 256'),
        appender('better-sqlite3', BATCHES, settings, DIMENSIONS, 'better-sqlite3, transactions of 256'),
        appender('node-sqlite', BATCHES, settings, DIMENSIONS, 'node:sqlite, transactions of 256'),
        appender('classic-level', BATCHES, settings, DIMENSIONS, 'classic-level, batches of 256'),
        appender('rocksdb', BATCHES, settings, DIMENSIONS, 'rocksdb, batches of 256'),
        appender('sqlite-vec', BATCHES, settings, DIMENSIONS, 'sqlite-vec, transactions of 256'),
        appender('lancedb', BATCHES, settings, DIMENSIONS, 'lancedb, batches of 256'),
        appender('hypercore', BATCHES, settings, DIMENSIONS, 'hypercore, batches of 256'),
      ],
    },
  ],
}
