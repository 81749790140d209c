/** What a process of the torture of a shared directory is to do. */
export interface ShareTask {
  readonly name: string
  /** Which process it is, of all that there ever are: the values that it writes are its own. */
  readonly number: number
  readonly directory: string
  readonly seed: number
  readonly callers: number
  readonly idLifeMs: number
  readonly checkpointEvery?: number
  /** At most how long a caller waits between two calls. */
  readonly pauseMs?: number
}

export type CallKind = 'own' | 'pair' | 'insert' | 'upsert' | 'update' | 'delete' | 'swap'

/** What it tells. Times are of the machine's one clock that is never set, in milliseconds. */
export type Line =
  | { readonly line: 'opened'; readonly at: number }
  | {
      readonly line: 'called'
      readonly number: number
      readonly at: number
      readonly kind: CallKind
      readonly id: string
      readonly value: number
      /** Of a swap, the value that it is to take the place of; undefined for nothing. */
      readonly expected?: number | undefined
    }
  | {
      readonly line: 'answered'
      readonly number: number
      readonly at: number
      readonly succeeded: boolean
    }
  | { readonly line: 'failed'; readonly why: string }
  | { readonly line: 'stopped' }
  | { readonly line: 'state'; readonly fingerprint: string; readonly size: number }
  | { readonly line: 'closed' }
