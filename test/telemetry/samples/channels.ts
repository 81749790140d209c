import { subscribe } from 'node:diagnostics_channel'
import type { DamageMessage, SyncMessage } from '../../../src/mod.ts'

subscribe('walv:sync', (message) => {
  const { directory, durationMs } = message as SyncMessage
  if (durationMs > 50) console.warn(`${directory}: a sync took ${durationMs} ms`)
})
subscribe('walv:damage', (message) => {
  const { damage } = message as DamageMessage
  if (damage.acknowledged !== false) console.error(damage.detail)
})
