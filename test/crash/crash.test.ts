/** The crash explorer, on logs of ordinary size, their repair and conversion. */
import { test } from 'node:test'
import { Explored } from './explored.ts'

const MIN_STATES = 7_000
const explored = new Explored('crash')

for (const { name, run } of explored.workloads)
  test(`${name}: whatever a power cut leaves is acceptable`, run)

test(`${MIN_STATES} states or more are looked at, all workloads of this file taken together`, (t) =>
  explored.needStates(MIN_STATES, t))
