import type { Scenario } from '../scenario.ts'
import { headline } from './headline.ts'
import { oneAtATime } from './one-at-a-time.ts'

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [headline, oneAtATime]
