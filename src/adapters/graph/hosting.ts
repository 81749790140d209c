import { pathToFileURL } from 'node:url'
import type { GraphEngine, WorkerEngine } from './graph.ts'
import type { GraphHost, HostEnd } from './host.ts'
import { LocalHost } from './local-host.ts'
import { warnOfNoThread } from './warnings.ts'
import { fileBeside, WorkerHost } from './worker-host.ts'

/** Deaths in a row, without having caught up between them, after which no other host is started. */
const MAX_DEATHS = 3

export type MakeHost = (onEnd: (end: HostEnd) => void) => GraphHost

/** Starts hosts for the graphs of an index, one after the other where one dies. */
export class Hosting {
  host: GraphHost | undefined
  deaths = 0
  readonly #make: MakeHost
  #isAwaited = false

  constructor(make: MakeHost) {
    this.#make = make
  }

  /** The one that there is, or a new one. `onEnd` is told that it has died, while it is the one. */
  start(onEnd: (end: HostEnd) => void): GraphHost {
    if (this.host) return this.host
    const host = this.#make((end) => {
      if (this.host !== host) return
      this.host = undefined
      if (!end.neverStarted) this.deaths++
      onEnd(end)
    })
    this.host = host
    if (this.#isAwaited) host.keepAlive(true)
    return host
  }

  get isHopeless(): boolean {
    return this.deaths >= MAX_DEATHS
  }

  keepAlive(isAwaited: boolean): void {
    this.#isAwaited = isAwaited
    this.host?.keepAlive(isAwaited)
  }

  async close(): Promise<void> {
    const { host } = this
    this.host = undefined
    await host?.close()
  }
}

const NO_FILE = 'its files are not beside the program, as in a bundle'

/**
 * An engine's own module, `<kind>/engine.js` beside the file with this URL. Undefined, with a
 * warning, where there is no such file.
 */
export function workerEngine(
  kind: string,
  url: string | undefined,
  options: unknown,
): WorkerEngine | undefined {
  const file = fileBeside(url, `${kind}/engine.js`)
  if (file === undefined) warnOfNoThread(kind, NO_FILE)
  return file === undefined ? undefined : { module: pathToFileURL(file), options }
}

/** Once no thread could be started, none is tried again. */
let threadsFail = false

/** In a thread, where the engine can be there and there are threads; otherwise in this one. */
export const hostFor =
  (engine: GraphEngine): MakeHost =>
  (onEnd) => {
    if (engine.worker === undefined || threadsFail) return new LocalHost(engine)
    const host = WorkerHost.start(engine.worker, (end) => {
      if (end.neverStarted) {
        threadsFail = true
        warnOfNoThread(engine.kind, `its thread does not start (${end.error.message})`)
      }
      onEnd(end)
    })
    if (host) return host
    threadsFail = true
    warnOfNoThread(engine.kind, NO_FILE)
    return new LocalHost(engine)
  }
