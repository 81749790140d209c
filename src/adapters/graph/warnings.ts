/** What walv tells of graphs, by process warnings: nothing is lost by any of it but time. */

const warn = (code: string, message: string): void =>
  process.emitWarning(message, { type: 'WalvWarning', code })

const MESSAGE_CHARACTERS = 300

/** A clause, of bounded length. */
export const textOf = (error: Error): string => error.message.slice(0, MESSAGE_CHARACTERS).replace(/\.$/, '')

export const warnOfRebuilding = (kind: string, count: number, why: string): void =>
  warn(
    'WALV_GRAPH_REBUILT',
    `The graph in the snapshot is not used: ${why}. ${kind} builds it again from ${count} vectors.`,
  )

export const warnOfRestart = (kind: string, count: number, error: Error): void =>
  warn(
    'WALV_GRAPH_RESTARTED',
    `The thread with the graph of ${kind} ended: ${textOf(error)}. Another one builds it again from ${count} vectors. Until then all are compared, and searches take longer.`,
  )

export const warnOfGivingUp = (kind: string, times: number, error: Error): void =>
  warn(
    'WALV_GRAPH_GIVEN_UP',
    `The graph of ${kind} could not be built: its thread ended ${times} times in a row, the last time so: ${textOf(error)}. From now on all vectors are compared, and searches take longer. Open the index again to try again.`,
  )

let toldOfThreads = false

/** Once a process: it is so for every index. */
export function warnOfNoThread(kind: string, why: string): void {
  if (toldOfThreads) return
  toldOfThreads = true
  warn(
    'WALV_GRAPH_IN_MAIN_THREAD',
    `${kind} works in the main thread, and stops it while it does: ${why}. See docs/bundlers.md of walv; threads: 0 says that it is meant so.`,
  )
}
