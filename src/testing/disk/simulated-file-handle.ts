import { types } from 'node:util'
import { type DiskFile, readFully, writeFully } from '../../disk/disk.ts'

export type Data = string | Uint8Array

interface NamedOptions {
  readonly encoding?: BufferEncoding | null
  readonly flag?: string
  readonly flush?: boolean
  readonly recursive?: boolean
  readonly force?: boolean
}

export type Options = NamedOptions | BufferEncoding | null | undefined

/**
 * Runs an append when no other is under way: the system finds the end of the file as it is then.
 */
export type InTurn = (append: () => Promise<void>) => Promise<void>

/** What Node calls a file handle; `simulatedFs` says what it has. */
export class SimulatedFileHandle {
  readonly #file: DiskFile
  /** Of a file that is appended to. */
  readonly #inTurn: InTurn | undefined
  #position = 0

  constructor(file: DiskFile, inTurn: InTurn | undefined) {
    this.#file = file
    this.#inTurn = inTurn
  }

  async readFile(options?: Options): Promise<Data> {
    const { encoding } = named(options)
    const buffer = Buffer.alloc(Math.max(0, (await this.#file.size()) - this.#position))
    this.#position += await readFully(this.#file, buffer, this.#position)
    return encoding ? buffer.toString(encoding) : buffer
  }

  async writeFile(data: Data, options?: Options): Promise<void> {
    const bytes = bytesOf(data, options)
    if (!this.#inTurn) return this.#writeAt(this.#position, bytes)
    await this.#inTurn(async () => this.#writeAt(await this.#file.size(), bytes))
  }

  async #writeAt(position: number, bytes: Uint8Array): Promise<void> {
    await writeFully(this.#file, bytes, position)
    this.#position = position + bytes.length
  }

  appendFile(data: Data, options?: Options): Promise<void> {
    return this.writeFile(data, options)
  }

  async write(data: Data, ...place: readonly unknown[]): Promise<{ bytesWritten: number; buffer: Data }> {
    if (place.length > 0) throw unsupported('write elsewhere than at the current position')
    await this.writeFile(data)
    return { bytesWritten: Buffer.byteLength(data), buffer: data }
  }

  truncate(bytes = 0): Promise<void> {
    return this.#file.truncate(bytes)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  datasync(): Promise<void> {
    return this.#file.sync()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const OPTIONS = ['encoding', 'flag', 'flush', 'recursive', 'force', 'mode']

/** Refuses options that would be ignored. */
export function named(options: Options): NamedOptions {
  if (typeof options === 'string') return { encoding: options }
  const other = Object.keys(options ?? {}).find((name) => !OPTIONS.includes(name))
  if (other !== undefined) throw unsupported(`do with the option ${other}`)
  return options ?? {}
}

export const unsupported = (what: string): TypeError =>
  new TypeError(`simulatedFs cannot ${what}. Use the Disk that it stands on, or what its description lists.`)

export function bytesOf(data: Data, options: Options): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, named(options).encoding ?? 'utf8')
  if (types.isUint8Array(data)) return data
  throw unsupported(`write ${typeof data}; it takes strings and bytes`)
}
