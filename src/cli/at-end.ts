/** What must be done also when the process is told to end, by Ctrl-C for example. */
import { rmSync } from 'node:fs'

/** Ctrl-C, `kill`, and a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Does `work`, which must be synchronous, once: when its scope ends, or when the process does, by
 * itself or by a signal. Of several the last begun is done first.
 */
export function atEnd(work: () => void): Disposable {
  pending.push(work)
  if (pending.length === 1) {
    process.on('exit', doAll)
    for (const signal of SIGNALS) process.on(signal, interrupt)
  }
  return {
    [Symbol.dispose]() {
      const at = pending.indexOf(work)
      if (at === -1) return
      pending.splice(at, 1)
      if (pending.length === 0) forget()
      work()
    },
  }
}

/**
 * Removes a file or a folder then, if it is there. What is still at work may put one more file into
 * it meanwhile; what cannot be removed stays.
 */
export const removeAtEnd = (path: string): Disposable =>
  atEnd(() => {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 })
    } catch {}
  })

const pending: (() => void)[] = []

function doAll(): void {
  for (let work = pending.pop(); work; work = pending.pop()) work()
}

function forget(): void {
  process.off('exit', doAll)
  for (const signal of SIGNALS) process.off(signal, interrupt)
}

/** Ends as the signal would have ended it. */
function interrupt(signal: NodeJS.Signals): void {
  doAll()
  forget()
  process.kill(process.pid, signal)
}
