import { Random } from '../random.ts'
import type { EngineFaults, Servers, SimulatedEngineOptions } from './engine-faults.ts'
import { EngineStore } from './engine-store.ts'
import { SimulatedConnection } from './simulated-connection.ts'

/**
 * The servers of an engine, in memory, with everything that may go wrong with them. Nothing is lost
 * that was acknowledged, unless that is asked for: `forgetEnd`, `recreate`, `spoil`.
 */
export class SimulatedEngine implements Servers {
  readonly store: EngineStore
  readonly random: Random
  readonly maxLatencyMs: number
  readonly maxFrameBytes: number
  /** May be changed at any time. */
  faults: EngineFaults
  #connections = 0

  constructor({
    seed = 1,
    maxLatencyMs = 0,
    maxFrameBytes = 1024 * 1024,
    faults = {},
  }: SimulatedEngineOptions = {}) {
    this.random = new Random(seed)
    this.store = new EngineStore(this.random)
    this.maxLatencyMs = maxLatencyMs
    this.maxFrameBytes = maxFrameBytes
    this.faults = faults
  }

  /** One more way to it. */
  connect(): SimulatedConnection {
    return new SimulatedConnection(this, `simulated engine, connection ${++this.#connections}`)
  }

  /** Whether it answers: without a quorum all that is asked waits. */
  get hasQuorum(): boolean {
    return this.store.hasQuorum
  }

  set hasQuorum(value: boolean) {
    this.store.setQuorum(value)
  }

  /** Of messages; what goes beyond is refused with `WALV_DISK_FULL`. */
  set capacityBytes(value: number) {
    this.store.capacityBytes = value
  }

  /** Loses the newest messages, as a standby does that is promoted too early. */
  forgetEnd(count: number): void {
    this.store.forgetEnd(count)
  }

  /** Is removed, and made again, empty. */
  recreate(): void {
    this.store.recreate()
  }

  /** Changes a message where it is stored. */
  spoil(place: number, change: (bytes: Uint8Array) => Uint8Array): void {
    this.store.spoil(place, change)
  }

  /** What somebody else puts there. */
  appendForeign(bytes: Uint8Array): number {
    return this.store.append(bytes)
  }
}
