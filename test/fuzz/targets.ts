import type { Target } from './target.ts'
import { metadata } from './targets/metadata.ts'
import { snapshot } from './targets/snapshot.ts'
import { v1Convert } from './targets/v1-convert.ts'
import { v1Log } from './targets/v1-log.ts'
import { v1Payload } from './targets/v1-payload.ts'
import { v2Frame } from './targets/v2-frame.ts'
import { v2Header } from './targets/v2-header.ts'
import { v2Log } from './targets/v2-log.ts'
import { v2Repair } from './targets/v2-repair.ts'

/** Everything that reads what nobody vouches for. */
export const targets: readonly Target[] = [
  v2Frame,
  v2Header,
  metadata,
  v2Log,
  v2Repair,
  snapshot,
  v1Payload,
  v1Log,
  v1Convert,
]
