/** How long things may take. Only tests change them. */
export interface Timing {
  /** A change that is not decided by then is answered. */
  readonly timeoutMs: number
  /** What has not come back is sent again. */
  readonly resendMs: number
  /** Between two tries of what has failed. */
  readonly retryMs: number
  /** Where nothing is told for so long, it is looked whether there is something. */
  readonly silenceMs: number
  /** A call of the engine that takes longer is given up. */
  readonly callMs: number
}

export const DEFAULT_TIMING: Timing = {
  timeoutMs: 30_000,
  resendMs: 2_000,
  retryMs: 150,
  silenceMs: 1_000,
  callMs: 5_000,
}
