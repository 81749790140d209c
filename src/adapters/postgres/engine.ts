import type {
  Engine,
  EngineMessage,
  EngineObjects,
  EngineRange,
  EngineReadOptions,
  Guarantee,
} from '../../replicated/engine.ts'
import { Appender } from './appender.ts'
import { PostgresObjects } from './objects.ts'
import { readTable } from './reading.ts'
import { Session } from './session.ts'
import type { Settings } from './settings.ts'
import { RANGE } from './tables.ts'

const MAX_BYTES = 1024 * 1024
/** So many messages at a time, so that a statement does not take too long. */
const TRIMMED_AT_ONCE = 256

const MOVE_FIRST =
  'update walv_logs set first = greatest(first, least($2, last + 1)) where name = $1 returning first'
const TRIM = `delete from walv_messages where log = $1 and place in (
  select place from walv_messages where log = $1 and place < $2 order by place limit ${TRIMMED_AT_ONCE})`

export class PostgresEngine implements Engine {
  readonly name: string
  readonly guarantee: Guarantee
  readonly maxFrameBytes: number = MAX_BYTES
  readonly objects: EngineObjects
  readonly #settings: Settings
  readonly #appender: Appender
  readonly #asking: Session
  readonly #keeping: Session
  readonly #closing: AbortController = new AbortController()

  constructor(settings: Settings) {
    this.#settings = settings
    this.name = settings.title
    this.guarantee = settings.guarantee
    this.#appender = new Appender(settings)
    this.#asking = new Session(settings)
    this.#keeping = new Session(settings)
    this.objects = new PostgresObjects(settings.name, this.#keeping, MAX_BYTES)
  }

  append(frame: Uint8Array): Promise<number> {
    return this.#appender.append(frame)
  }

  async range(): Promise<EngineRange> {
    const row = await this.#asking.one(RANGE, [this.#settings.name])
    if (row === undefined) throw new Error(`${this.name} is not there any more`)
    return row as unknown as EngineRange
  }

  read({ from, signal }: EngineReadOptions): AsyncIterable<readonly EngineMessage[]> {
    return readTable(this.#settings, from, AbortSignal.any([signal, this.#closing.signal]))
  }

  /** The end is moved first, so that nobody is told of what goes. */
  async trim(before: number): Promise<void> {
    const { name } = this.#settings
    const moved = await this.#keeping.one(MOVE_FIRST, [name, before])
    for (let removed = TRIMMED_AT_ONCE; removed === TRIMMED_AT_ONCE; )
      removed = (await this.#keeping.query(TRIM, [name, moved!.first])).rowCount ?? 0
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.#appender.close(), this.#asking.close(), this.#keeping.close()])
  }
}
