import {
  closeChannel,
  indexOpenTracing,
  type LogMessage,
  type OpenMessage,
  openTracing,
} from '../../diagnostics.ts'
import type { DurableIndexStats } from '../../index/durable/durable-index.ts'
import type { LogStats } from '../../log/log.ts'
import type { Subscriptions } from './subscriptions.ts'

/** A log or an index that is open for writing. */
export interface Observed {
  stats(): LogStats | DurableIndexStats
}

/** The writers of this process, by directory: of an index and its log, the index. */
export function openLogs(subscriptions: Subscriptions): ReadonlyMap<LogMessage['directory'], Observed> {
  const open = new Map<string, Observed>()
  const opened = ({ directory, readOnly, result }: OpenMessage): void => {
    if (result !== undefined && !readOnly) open.set(directory, result as Observed)
  }
  subscriptions.on(openTracing.asyncEnd, opened)
  subscriptions.on(indexOpenTracing.asyncEnd, opened)
  subscriptions.on(closeChannel, ({ directory, readOnly }) => {
    if (!readOnly) open.delete(directory)
  })
  return open
}
