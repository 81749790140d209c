/** A progress bar on a terminal. Where there is none, nothing is written. */
import { monotonicMs } from '../clock.ts'
import { formatBytes, formatCount, formatDuration } from './output.ts'

export interface ProgressOptions {
  /** What is going on: `importing`. */
  readonly label: string
  /** What `update` counts up to, if known. */
  readonly total?: number | undefined
  /** What is counted. */
  readonly unit: 'bytes' | 'count'
  /** Default: standard error. */
  readonly stream?: ProgressStream
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Ends with its scope, also when that is left by an error. */
export interface Progress extends Disposable {
  /** How much is done by now. Cheap: draws at most ten times a second. */
  update(done: number): void
  /** Removes the bar. */
  end(): void
}

const DRAW_INTERVAL_MS = 100
const BAR_COLUMNS = 24
const CLEAR_LINE = '\r\x1b[2K'

/** Starts a bar, which is first drawn after a tenth of a second. */
export function startProgress(options: ProgressOptions): Progress {
  const { label, total, unit, stream = process.stderr, now = monotonicMs } = options
  const isShown = stream.isTTY === true && process.env.TERM !== 'dumb'
  const startedAt = now()
  let drawnAt = startedAt
  let isDrawn = false

  const update = (done: number): void => {
    const time = now()
    if (!isShown || time - drawnAt < DRAW_INTERVAL_MS) return
    drawnAt = time
    isDrawn = true
    const line = progressLine(label, done, total, unit, time - startedAt)
    // A terminal that does not know its width says 0.
    stream.write(CLEAR_LINE + line.slice(0, (stream.columns || 80) - 1))
  }
  const end = (): void => {
    if (isDrawn) stream.write(CLEAR_LINE)
    isDrawn = false
  }
  return { update, end, [Symbol.dispose]: end }
}

function progressLine(
  label: string,
  done: number,
  total: number | undefined,
  unit: ProgressOptions['unit'],
  elapsedMs: number,
): string {
  const format = unit === 'bytes' ? formatBytes : formatCount
  const rate = `${format(Math.round((done / elapsedMs) * 1000))}/s`
  if (total === undefined || total === 0) return [label, format(done), rate].join('  ')
  const share = Math.min(1, done / total)
  const filled = Math.round(share * BAR_COLUMNS)
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_COLUMNS - filled)}]`
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  const left = done > 0 ? `${formatDuration(roundUp((elapsedMs * (total - done)) / done))} left` : ''
  return [label, bar, percent, `${format(done)} of ${format(total)}`, rate, left].join('  ').trimEnd()
}

/** To whole seconds: more would only flicker. */
function roundUp(milliseconds: number): number {
  return Math.ceil(Math.max(0, milliseconds) / 1000) * 1000
}
