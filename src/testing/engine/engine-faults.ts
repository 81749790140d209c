import type { Random } from '../random.ts'
import type { EngineStore } from './engine-store.ts'

/** How often, of one, something goes wrong. Absent ones never do. */
export interface EngineFaults {
  /** A request is lost on its way: nothing happens, and its caller is told so, or nothing. */
  readonly loseRequest?: number
  /** It is done, and the answer is lost. */
  readonly loseAnswer?: number
  /** A message is stored twice, the second time after others. */
  readonly double?: number
  /** Its caller is told of a failure, and it is stored after that. */
  readonly late?: number
  /** A message is refused, with the promise that it is not stored. */
  readonly refuse?: number
  /** A reading ends, fails, or falls silent for ever. */
  readonly endRead?: number
  /** A reading tells what it told before, or passes messages over. */
  readonly misread?: number
  /** A message is told with a wrong byte. */
  readonly corrupt?: number
}

export interface SimulatedEngineOptions {
  /** Equal seeds give equal runs, as far as the caller's own turns are equal. Default 1. */
  readonly seed?: number
  /** Of a request, and of an answer: from 0 to this, at random: they overtake. Default 0. */
  readonly maxLatencyMs?: number
  /** Default 1 MiB. */
  readonly maxFrameBytes?: number
  readonly faults?: EngineFaults
}

/** What a connection reaches. */
export interface Servers {
  readonly store: EngineStore
  readonly random: Random
  readonly maxLatencyMs: number
  readonly maxFrameBytes: number
  readonly faults: EngineFaults
}
