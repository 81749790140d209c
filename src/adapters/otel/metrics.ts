import type {
  Attributes,
  BatchObservableResult,
  Counter,
  Histogram,
  Meter,
  Observable,
} from '@opentelemetry/api'
import { monotonicMs } from '../../clock.ts'
import {
  checkpointTracing,
  damageChannel,
  groupChannel,
  indexOpenTracing,
  type LogMessage,
  openTracing,
  poisonChannel,
  retentionChannel,
  rotationChannel,
  slowSyncChannel,
  syncChannel,
  type TypedTracing,
} from '../../diagnostics.ts'
import type { WalError } from '../../errors.ts'
import { type Observed, openLogs } from './open-logs.ts'
import type { Subscriptions } from './subscriptions.ts'

const SYNC_SECONDS = [
  1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
const WORK_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900]
const GROUP_RECORDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096]

const ofLog = ({ directory }: LogMessage): Attributes => ({ 'walv.directory': directory })

/** Records what the channels tell, and observes the figures of what is open. */
export function recordMetrics(meter: Meter, subscriptions: Subscriptions): void {
  recordAppends(meter, subscriptions)
  recordUpkeep(meter, subscriptions)
  recordTrouble(meter, subscriptions)
  recordWork(meter, subscriptions)
  observeFigures(meter, subscriptions)
}

function recordAppends(meter: Meter, subscriptions: Subscriptions): void {
  const appends = meter.createCounter('walv.appends', {
    unit: '{record}',
    description: 'Records acknowledged. A batch is one record.',
  })
  const bytes = meter.createCounter('walv.append.bytes', {
    unit: 'By',
    description: 'Bytes of the records acknowledged, as they stand in the log.',
  })
  const groupSize = meter.createHistogram('walv.group.size', {
    unit: '{record}',
    description:
      'Records that shared one write and one sync. Always 1: the callers wait for each other; await less often.',
    advice: { explicitBucketBoundaries: GROUP_RECORDS },
  })
  const syncDuration = meter.createHistogram('walv.sync.duration', {
    unit: 's',
    description: 'How long a sync of the active segment took. Every durable append waits for one.',
    advice: { explicitBucketBoundaries: SYNC_SECONDS },
  })
  zeroWhenOpened(subscriptions, appends, bytes)
  subscriptions.on(groupChannel, (message) => {
    appends.add(message.entries, ofLog(message))
    bytes.add(message.bytes, ofLog(message))
    groupSize.record(message.entries, ofLog(message))
  })
  subscriptions.on(syncChannel, (message) => syncDuration.record(message.durationMs / 1000, ofLog(message)))
}

/**
 * A counter that is not there before its first event hides that event from who looks at its
 * increase.
 */
function zeroWhenOpened(subscriptions: Subscriptions, ...counters: readonly Counter[]): void {
  subscriptions.on(openTracing.asyncEnd, (message) => {
    if (message.result === undefined || message.readOnly) return
    for (const counter of counters) counter.add(0, ofLog(message))
  })
}

function recordUpkeep(meter: Meter, subscriptions: Subscriptions): void {
  const rotations = meter.createCounter('walv.rotations', {
    unit: '{segment}',
    description: 'Segments begun.',
  })
  const retired = meter.createCounter('walv.segments.retired', {
    unit: '{segment}',
    description:
      'Segments removed because checkpoints cover them. None while checkpoints are taken: see upkeepFailures.',
  })
  zeroWhenOpened(subscriptions, rotations, retired)
  subscriptions.on(rotationChannel, (message) => rotations.add(1, ofLog(message)))
  subscriptions.on(retentionChannel, (message) => retired.add(1, ofLog(message)))
}

function recordTrouble(meter: Meter, subscriptions: Subscriptions): void {
  const slowSyncs = meter.createCounter('walv.syncs.slow', {
    unit: '{sync}',
    description:
      'Syncs that took slowSyncMs or longer. Look at the disk, and for what blocks the event loop.',
  })
  const damage = meter.createCounter('walv.damage', {
    unit: '{place}',
    description:
      'Places of damage found. Acknowledged true means loss: run walv doctor. A torn-tail is what a crash leaves.',
  })
  const poisonings = meter.createCounter('walv.poisonings', {
    unit: '{event}',
    description:
      'How often a failed write or sync has stopped a log. Look at the disk, then close and open it again.',
  })
  zeroWhenOpened(subscriptions, slowSyncs, poisonings)
  subscriptions.on(openTracing.start, (message) =>
    damage.add(0, { ...ofLog(message), 'walv.damage.kind': 'corrupt', 'walv.damage.acknowledged': 'true' }),
  )
  subscriptions.on(slowSyncChannel, (message) => slowSyncs.add(1, ofLog(message)))
  subscriptions.on(poisonChannel, (message) => poisonings.add(1, ofLog(message)))
  subscriptions.on(damageChannel, (message) => {
    const { kind, acknowledged } = message.damage
    const lost = acknowledged === null ? 'unknown' : String(acknowledged)
    damage.add(1, { ...ofLog(message), 'walv.damage.kind': kind, 'walv.damage.acknowledged': lost })
  })
}

function recordWork(meter: Meter, subscriptions: Subscriptions): void {
  const advice = { explicitBucketBoundaries: WORK_SECONDS }
  const recovery = meter.createHistogram('walv.recovery.duration', {
    unit: 's',
    description:
      'How long opening took: of part log, reading and proving it; of part index, that, the snapshot and the replay.',
    advice,
  })
  const checkpoint = meter.createHistogram('walv.checkpoint.duration', {
    unit: 's',
    description:
      'How long a checkpoint took, retention included. With error.type: it failed, and the one before stays.',
    advice,
  })
  recordDuration(openTracing, recovery, { 'walv.recovery.part': 'log' }, subscriptions)
  recordDuration(indexOpenTracing, recovery, { 'walv.recovery.part': 'index' }, subscriptions)
  recordDuration(checkpointTracing, checkpoint, {}, subscriptions)
}

function recordDuration<Message extends LogMessage & { error?: unknown }>(
  tracing: TypedTracing<Message>,
  histogram: Histogram,
  attributes: Attributes,
  subscriptions: Subscriptions,
): void {
  const starts = new WeakMap<Message, number>()
  subscriptions.on(tracing.start, (message) => void starts.set(message, monotonicMs()))
  subscriptions.on(tracing.asyncEnd, (message) => {
    const start = starts.get(message)
    if (start === undefined) return
    const failed = message.error === undefined ? {} : { 'error.type': errorType(message.error) }
    histogram.record((monotonicMs() - start) / 1000, { ...ofLog(message), ...attributes, ...failed })
  })
}

/** The code of an error of ours, the name of another. */
export const errorType = (error: unknown): string =>
  (error as WalError).code ?? (error as Error).name ?? 'unknown'

function observeFigures(meter: Meter, subscriptions: Subscriptions): void {
  const size = meter.createObservableGauge('walv.log.size', {
    unit: 'By',
    description: 'Bytes of the segment files. It grows while no checkpoint is taken.',
  })
  const segments = meter.createObservableGauge('walv.log.segments', {
    unit: '{segment}',
    description: 'Segment files.',
  })
  const pending = meter.createObservableGauge('walv.log.pending', {
    unit: 'By',
    description: 'Bytes appended and not yet acknowledged. At maxPendingBytes appends are refused.',
  })
  const cursorHeld = meter.createObservableGauge('walv.cursors.held', {
    unit: 'By',
    description: 'Bytes of the segments that are kept for cursors alone. It grows while a reader is behind.',
  })
  const checkpointAge = meter.createObservableGauge('walv.checkpoint.age', {
    unit: 's',
    description: 'Time since the last checkpoint; not told while there is none.',
  })
  const poisoned = meter.createObservableGauge('walv.poisoned', {
    unit: '1',
    description:
      '1 while the log takes no more appends because a write or sync failed. Close it and open it again.',
  })
  const vectors = meter.createObservableGauge('walv.index.vectors', {
    unit: '{vector}',
    description: 'Vectors in the index.',
  })
  const open = openLogs(subscriptions)
  const observe = (result: BatchObservableResult): void => {
    for (const [directory, log] of open) {
      const attributes = ofLog({ directory })
      const told: [Observable, number | undefined][] = figuresOf(log)
      for (const [gauge, value] of told) if (value !== undefined) result.observe(gauge, value, attributes)
    }
  }
  const figuresOf = (log: Observed): [Observable, number | undefined][] => {
    const stats = log.stats()
    const { checkpointAgeMs } = stats
    return [
      [size, stats.bytes],
      [segments, stats.segments],
      [pending, stats.pendingBytes],
      [cursorHeld, stats.cursorHeldBytes],
      [checkpointAge, checkpointAgeMs === undefined ? undefined : checkpointAgeMs / 1000],
      [poisoned, stats.poisoned ? 1 : 0],
      [vectors, 'size' in stats ? stats.size : undefined],
    ]
  }
  const gauges = [size, segments, pending, cursorHeld, checkpointAge, poisoned, vectors]
  meter.addBatchObservableCallback(observe, gauges)
  subscriptions.atEnd(() => meter.removeBatchObservableCallback(observe, gauges))
}
