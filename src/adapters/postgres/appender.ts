import { nextTurn } from '../../clock.ts'
import { channelOf } from './reading.ts'
import { Session } from './session.ts'
import type { Settings } from './settings.ts'

/** In one commit. */
const MAX_FRAMES = 16

interface Waiting {
  readonly frame: Uint8Array
  resolve(place: number): void
  reject(error: unknown): void
}

/**
 * Appends what waits in one statement, which is a transaction of its own. The places are taken by
 * updating a row: it is locked until the commit is durable, here and on the standbys.
 */
export class Appender {
  readonly #session: Session
  readonly #settings: Settings
  readonly #queue: Waiting[] = []
  #isRunning = false
  #warning: string | undefined

  constructor(settings: Settings) {
    this.#settings = settings
    this.#session = new Session(settings)
    this.#session.onWarning = (message) => {
      this.#warning = message
    }
  }

  append(frame: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ frame, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    await nextTurn()
    while (this.#queue.length > 0) {
      const together = this.#queue.splice(0, MAX_FRAMES)
      try {
        const first = await this.#insert(together.map(({ frame }) => frame))
        await this.#confirm()
        for (const [at, { resolve }] of together.entries()) resolve(first + at)
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
    }
    this.#isRunning = false
  }

  /** The place of the first of them. */
  async #insert(frames: readonly Uint8Array[]): Promise<number> {
    this.#warning = undefined
    const rows = frames.map((_, at) => `(${at + 1}, $${at + 2}::bytea)`).join(', ')
    const text = `with taken as (
      update walv_logs set last = last + ${frames.length} where name = $1 returning last - ${frames.length} as before
    ), stored as (
      insert into walv_messages select $1, before + number, bytes from taken, (values ${rows}) as given (number, bytes)
    ) select before::float8 from taken`
    const row = await this.#session.one(text, [this.#settings.name, ...frames.map(bufferOf)])
    if (row === undefined) throw new Error(`the log ${this.#settings.name} is not there any more`)
    return (row.before as number) + 1
  }

  /**
   * Sends word to those who read, and fails where the commit may not have waited for standbys:
   * because it was cancelled, of which a warning tells, or nobody has to be waited for any more.
   */
  async #confirm(): Promise<void> {
    const text = `select pg_notify($1, ''), current_setting('synchronous_standby_names') as names`
    const row = await this.#session.one(text, [channelOf(this.#settings.name)])
    if (this.#warning !== undefined) throw new Error(`PostgreSQL warns: ${this.#warning}`)
    if (this.#settings.guarantee.startsWith('quorum') && `${row?.names}`.trim() === '')
      throw new Error(
        'synchronous_standby_names is empty now: a message is stored, and not as safe as it has to be',
      )
  }
}

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length)
