import { types } from 'node:util'
import { echo } from '../../echo.ts'
import type { JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { compileFilter } from './compile.ts'
import type { Filter, FilterFunction } from './filter.ts'

export type Accept = (metadata: JsonValue, id: string) => boolean

/**
 * What a filter takes, as a function, whichever kind of filter it is.
 * @throws WALV_INVALID_OPTION, WALV_LIMIT
 */
export function acceptorOf<Metadata>(filter: Filter<Metadata> | FilterFunction<Metadata>): Accept {
  if (typeof filter === 'function') return decided(filter as FilterFunction)
  if (typeof filter !== 'object' || filter === null) throw noFilter(filter, '(metadata, id)')
  return compileFilter(filter as Filter)
}

/** `of` is what a function takes. */
export const noFilter = (given: unknown, of: string): WalError =>
  new WalError(
    'WALV_INVALID_OPTION',
    `A filter must be an object such as { lang: 'en' }, or a function of ${of}, not ${echo(given)}.`,
  )

/**
 * A function whose answers count by their truth. Every promise is true: as an answer it would take
 * everything.
 * @throws WALV_INVALID_OPTION
 */
export function decided<Args extends unknown[]>(
  filter: (...args: Args) => unknown,
): (...args: Args) => boolean {
  if (types.isAsyncFunction(filter)) throw asynchronous()
  return (...args) => {
    const answer = filter(...args)
    if (!isThenable(answer)) return Boolean(answer)
    // It may reject, and nobody else waits for it.
    Promise.resolve(answer).catch(() => {})
    throw asynchronous()
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

const asynchronous = (): WalError =>
  new WalError(
    'WALV_INVALID_OPTION',
    'The filter answers with a promise, and must answer at once. Do what has to be awaited before the call. Nothing was changed.',
  )
