/** The crash explorer, on logs of ordinary size, their repair and conversion. */
import { testWorkloads } from './explored.ts'

testWorkloads('crash', 7_000)
