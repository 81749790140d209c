import type { EngineObjects } from '../../replicated/engine.ts'
import type { Session } from './session.ts'

/** Keys that begin with a prefix and a slash: `0` is the character behind the slash. */
const BELOW = `log = $1 and key > $2 || '/' and key < $2 || '0'`

export class PostgresObjects implements EngineObjects {
  readonly maxBytes: number
  readonly #log: string
  readonly #session: Session

  constructor(log: string, session: Session, maxBytes: number) {
    this.#log = log
    this.#session = session
    this.maxBytes = maxBytes
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    const text =
      'insert into walv_objects values ($1, $2, $3) on conflict (log, key) do update set value = excluded.value'
    await this.#session.query(text, [this.#log, key, Buffer.from(value)])
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const row = await this.#session.one('select value from walv_objects where log = $1 and key = $2', [
      this.#log,
      key,
    ])
    return row?.value as Uint8Array | undefined
  }

  async list(prefix: string): Promise<string[]> {
    const { rows } = await this.#session.query(`select key from walv_objects where ${BELOW}`, [
      this.#log,
      prefix,
    ])
    return rows.map(({ key }) => key as string)
  }

  async remove(prefix: string): Promise<void> {
    await this.#session.query(`delete from walv_objects where (log = $1 and key = $2) or (${BELOW})`, [
      this.#log,
      prefix,
    ])
  }
}
