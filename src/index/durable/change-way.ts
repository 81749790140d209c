import type { Log } from '../../log/log.ts'
import type { ApplyOrder } from './apply-order.ts'
import type { IndexState } from './index-state.ts'
import type { MetadataSchema } from './metadata-schema.ts'

/** What the changes of an index go through. */
export interface ChangeWay {
  readonly log: Log
  readonly state: IndexState
  readonly queue: ApplyOrder
  readonly metadataSchema: MetadataSchema | undefined
  /** @throws WALV_CLOSED, WALV_POISONED */
  needOpen(): void
}
