import type { WriteFigures } from './peers/peer.ts'

/**
 * What a child process is to do. Everything in it is plain data: it travels on the command line.
 */
export interface Job {
  readonly kind: string
  readonly peer: string
  readonly directory: string
  readonly dimensions: number
  readonly [parameter: string]: unknown
}

/**
 * What a child measured. Rates are per second, times in milliseconds, unless the name says
 * otherwise.
 */
export interface Metrics {
  readonly [name: string]: number | readonly number[] | string | undefined
}

/** What raw has to do again: the bytes of each group, and how many records were in all of them. */
export type Paired = WriteFigures & { readonly records: number }
