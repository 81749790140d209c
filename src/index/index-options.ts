import { echo } from '../echo.ts'
import { WalError } from '../errors.ts'
import { MAX_DIMENSIONS } from '../limits.ts'
import type { Metric } from './vector-index.ts'

const METRICS: readonly Metric[] = ['cosine', 'l2', 'ip']

/** `maker` is the function whose options they are. @throws WALV_INVALID_OPTION */
export function checkShape(maker: string, dimensions: unknown, metric: unknown, minDimensions: number): void {
  const fits = Number.isInteger(dimensions) && (dimensions as number) >= minDimensions
  if (!fits || (dimensions as number) > MAX_DIMENSIONS) {
    throw invalidOption(
      maker,
      'dimensions',
      dimensions,
      `an integer from ${minDimensions} to ${MAX_DIMENSIONS}`,
    )
  }
  checkOneOf(maker, 'metric', metric, METRICS)
}

/** @throws WALV_INVALID_OPTION */
export function checkOneOf(maker: string, name: string, value: unknown, accepted: readonly string[]): void {
  if (!accepted.includes(value as string))
    throw invalidOption(maker, name, value, `one of ${accepted.join(', ')}`)
}

export function invalidOption(maker: string, name: string, value: unknown, accepted: string): WalError {
  const problem = `${maker}: option ${name} must be ${accepted}, and it is ${echo(value)}.`
  return new WalError('WALV_INVALID_OPTION', problem)
}
