import { clearTimeout, setTimeout } from '../../clock.ts'
import type { EngineMessage } from '../../replicated/engine.ts'
import { Session } from './session.ts'
import type { Settings } from './settings.ts'

/** At most a megabyte each, as text of twice the length. */
const AT_ONCE = 8
/** Whoever appends sends word; where that is lost, this is how late it is. */
const LOOK_MS = 250

export const channelOf = (name: string): string => `walv_${name}`

// `bytes` comes as text: in binary, pg takes it for UTF-8 and garbles it.
const READ = `select place::float8, bytes from walv_messages where log = $1 and place >= $2 order by place limit ${AT_ONCE}`

export async function* readTable(
  settings: Settings,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<readonly EngineMessage[]> {
  const bell = new Bell(signal)
  const session = new Session(settings)
  session.greeting = `listen "${channelOf(settings.name)}"`
  session.onNotification = () => bell.ring()
  signal.addEventListener('abort', () => session.close(), { once: true })
  try {
    for (let next = from; !signal.aborted; ) {
      const { rows } = await session.query(READ, [settings.name, next])
      if (signal.aborted) return
      if (rows.length === 0) {
        await bell.rung()
        continue
      }
      const messages = rows as unknown as readonly EngineMessage[]
      yield messages
      next = messages.at(-1)!.place + 1
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await session.close()
  }
}

/** Rings when there may be something, at the latest after a while. */
class Bell {
  #hasRung = false
  #wake: () => void = () => {}

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.ring(), { once: true })
  }

  ring(): void {
    this.#hasRung = true
    this.#wake()
  }

  async rung(): Promise<void> {
    if (!this.#hasRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#hasRung = false
  }
}
