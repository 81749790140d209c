import { type ConformanceCase, casesOf } from './case.ts'
import { engineKeeping } from './engine-keeping.ts'
import { engineOrder } from './engine-order.ts'
import { type EnginePlace, EngineSubject } from './engine-subject.ts'

/**
 * Cases that check the contract of `Engine`, for any test runner:
 * `for (const { name, run } of cases) test(name, run)`. `make` gives the place of a new, empty
 * store for each case. It gets at most some 30 MiB. A case that hangs has found something, too:
 * give your runner a time limit.
 */
export function engineConformance(make: () => EnginePlace | Promise<EnginePlace>): ConformanceCase[] {
  return casesOf({ ...engineOrder, ...engineKeeping }, async () => new EngineSubject(await make()))
}
