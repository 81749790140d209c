import type { Job } from './job.ts'
import type { AnyPeerName } from './peers/registry.ts'

export interface Settings {
  readonly quick: boolean
  readonly warmUpMs: number
  readonly durationMs: number
  /** Memory that the machine is made to have at hand before each measurement; see `probe`. */
  readonly touchedBytes: number
}

/** One row of a table: a peer, and what it does. */
export interface Contestant {
  readonly label: string
  readonly peer: AnyPeerName
  /** What a child of its own does; the runner adds where. */
  readonly job: Omit<Job, 'peer' | 'directory'>
  /** Options of Node itself for its process. */
  readonly nodeOptions?: readonly string[]
  /** Runs right after the first contestant and does the same groups again. */
  readonly isPaired?: boolean
  /**
   * `commit`, unless said: shown only if verified. `weaker`: shown with a mark. `none`: nothing is
   * acknowledged.
   */
  readonly durability?: 'commit' | 'weaker' | 'none'
}

/** Contestants that are compared with the first of them, under the same conditions. */
export interface Variant {
  readonly label: string
  /** Its place in a plot of the scenario: variants of the same plot are its points. */
  readonly at?: { readonly plot: string; readonly x: number }
  readonly contestants: readonly Contestant[]
  /** Fills a directory that all contestants then get, in a child of its own. */
  readonly prepare?: Omit<Job, 'peer' | 'directory'>
}

export interface Metric {
  readonly key: string
  readonly title: string
  readonly unit: string
}

export interface Scenario {
  readonly name: string
  /** `--only` takes this name for all that have it. */
  readonly group?: string
  readonly title: string
  /** What is compared. */
  readonly metric: Metric
  /** Further columns, medians only. */
  readonly also: readonly Metric[]
  /** Whether all repetitions are always made; what takes long is not repeated. */
  readonly isOnce?: boolean
  /** What the x of its variants is; both axes are logarithmic. */
  readonly x?: string
  /** Left out of `--quick`. */
  readonly isLong?: boolean
  variants(settings: Settings): Variant[]
}

export const RATE: Metric = { key: 'rate', title: 'appends', unit: '/s' }
export const CPU: Metric = { key: 'cpuUsPerRecord', title: 'cpu', unit: 'µs' }
export const SYSTEM_CPU: Metric = { key: 'systemUsPerRecord', title: 'in the kernel', unit: 'µs' }
export const RECORDS_PER_SYNC: Metric = { key: 'recordsPerSync', title: 'a sync', unit: 'rec.' }
export const DISK: Metric = { key: 'diskBytesPerRecord', title: 'disk', unit: 'B' }
