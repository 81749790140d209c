/** walv/testing: what walv is tested with, for testing what is built on it, or beside it. */

export type {
  Engine,
  EngineMessage,
  EngineObjects,
  EngineRange,
  EngineReadOptions,
  Guarantee,
} from '../replicated/engine.ts'
export type { ConformanceCase } from './conformance/case.ts'
export { engineConformance } from './conformance/engine.ts'
export type { EnginePlace } from './conformance/engine-subject.ts'
export { type LogCapabilities, logConformance } from './conformance/log.ts'
export type { LogPlace } from './conformance/log-subject.ts'
export { type VectorIndexConformanceOptions, vectorIndexConformance } from './conformance/vector-index.ts'
export type { Choose, CrashChoice, UnsyncedChange } from './disk/crash-choice.ts'
export type { Fault, Operation, OperationHook } from './disk/operations.ts'
export { type CrashState, SimulatedDisk } from './disk/simulated-disk.ts'
export type { SimulatedDiskOptions } from './disk/simulated-disk-options.ts'
export type { ExchangeOfProcess, SimulatedExchange } from './disk/simulated-exchange.ts'
export { type SimulatedFs, simulatedFs } from './disk/simulated-fs.ts'
export type { EngineFaults, Servers, SimulatedEngineOptions } from './engine/engine-faults.ts'
export type { EngineStore } from './engine/engine-store.ts'
export type { SimulatedConnection } from './engine/simulated-connection.ts'
export { SimulatedEngine } from './engine/simulated-engine.ts'
export {
  type Exploration,
  type ExploreOptions,
  explore,
  type PowerCut,
  type Violation,
} from './explore/explore.ts'
export { Random } from './random.ts'
