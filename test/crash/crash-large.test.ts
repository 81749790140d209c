/** The crash explorer, on logs with large groups, and logs under load. */
import { testWorkloads } from './explored.ts'

testWorkloads('large', 5_000)
