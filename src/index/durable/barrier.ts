import type { SharedLog } from '../../log/log.ts'

/** Means nothing: when it has come back, all that was before it was applied. */
const BARRIER = { type: 'custom', kind: 'walv.barrier', data: new Uint8Array(0) } as const

/** Resolves when everything that was acknowledged to anybody before is applied here. */
export async function barrier(log: SharedLog): Promise<void> {
  if (log.barrier) await log.barrier()
  else await log.append(BARRIER)
}
