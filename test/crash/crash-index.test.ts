/** The crash explorer, on durable indexes. */
import { testWorkloads } from './explored.ts'

testWorkloads('index', 8_000)
