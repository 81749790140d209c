import { dirname, join, resolve } from 'node:path'
import { epochMs } from '../clock.ts'
import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts'
import { changeNames } from '../disk/names.ts'
import { echo } from '../echo.ts'
import { WalError } from '../errors.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import { directoryError, diskError } from './disk-error.ts'
import { encodeV1Entry } from './format/encode.ts'
import { MAX_V1_INTEGER, MAX_V1_PAYLOAD_BYTES, type V1Entry } from './format/entry.ts'
import { encodeV1Header, isV1SegmentName, V1_FRAME_BYTES, v1SegmentName } from './format/segment.ts'

const BUFFER_BYTES = 1024 * 1024

export interface V1WriterOptions {
  /**
   * A file is followed by another before it grows beyond this; a longer record has a file to
   * itself. Default 100 MiB, as in the original.
   */
  readonly maxFileBytes?: number
}

const V1_WRITER_OPTIONS: OptionNames<V1WriterOptions> = { maxFileBytes: true }

/**
 * Writes a directory that the original reads. Nothing is durable, and nothing need be in a file,
 * before `close` has resolved. Calls take effect in the order in which they are made; after one has
 * failed, all fail.
 */
export class V1Writer {
  readonly #disk: Disk
  readonly #directory: string
  readonly #maxFileBytes: number
  readonly #buffer: Buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #buffered = 0
  #file: DiskFile | undefined
  #path = ''
  /** Written to the file; what is buffered comes behind it. */
  #written = 0
  #records = 0
  #seconds = 0
  #queue: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(disk: Disk, directory: string, maxFileBytes: number) {
    this.#disk = disk
    this.#directory = directory
    this.#maxFileBytes = maxFileBytes
  }

  /**
   * Begins a log in `directory`, which is made if it is missing (its parent must be there) and must
   * not hold one already.
   * @throws WALV_INVALID_OPTION, WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION,
   * WALV_DISK_FULL, WALV_IO
   */
  static async create(disk: Disk, directory: string, options: V1WriterOptions = {}): Promise<V1Writer> {
    checkOptions('V1Writer.create', options, V1_WRITER_OPTIONS)
    const maxFileBytes = options.maxFileBytes ?? 100 * 1024 * 1024
    if (!Number.isSafeInteger(maxFileBytes) || maxFileBytes < 1) {
      throw new WalError(
        'WALV_INVALID_OPTION',
        `maxFileBytes is ${echo(maxFileBytes)}; give a whole number of bytes from 1 on.`,
      )
    }
    const path = resolve(directory)
    await prepareDirectory(disk, path)
    const writer = new V1Writer(disk, path, maxFileBytes)
    await writer.#openNext()
    return writer
  }

  /**
   * Appends an entry under a number of the caller's, which is not checked against those before.
   * @throws WALV_INVALID_ENTRY for what v1 cannot hold, see `encodeV1Entry`; then nothing is
   * written and the writer goes on
   * @throws WALV_CLOSED, WALV_PERMISSION, WALV_DISK_FULL, WALV_IO
   */
  async append(seq: bigint, entry: V1Entry): Promise<void> {
    return this.writeFrame(seq, encodeV1Entry(entry))
  }

  /**
   * Appends a record with a payload that is encoded already. It must not be changed before the call
   * has resolved. Throws as `append` does.
   */
  async writeFrame(seq: bigint, payload: Uint8Array): Promise<void> {
    if (typeof seq !== 'bigint' || seq < 0n || seq > MAX_V1_INTEGER) {
      throw refusal(`its sequence number is ${echo(seq)}, not a bigint of 0 to 2^64 - 1`)
    }
    if (payload.length > MAX_V1_PAYLOAD_BYTES) {
      throw refusal(`its payload has ${payload.length} bytes, more than ${MAX_V1_PAYLOAD_BYTES}`)
    }
    if (this.#closing) throw new WalError('WALV_CLOSED', 'The writer is closed; nothing was written.')
    return this.#enqueue(() => this.#write(seq, payload))
  }

  /**
   * Writes what is left and makes files and names durable. Closes the file in any case. Calling it
   * again gives the same answer.
   */
  close(): Promise<void> {
    this.#closing ??= this.#enqueue(() =>
      this.#finishFile().then(() => this.#disk.syncDirectory(this.#directory)),
    ).finally(() => this.#file?.close())
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch((error) => {
      throw diskError(error, 'Writing', this.#path)
    })
    return this.#queue
  }

  async #write(seq: bigint, payload: Uint8Array): Promise<void> {
    const bytes = V1_FRAME_BYTES + payload.length
    if (this.#records > 0 && this.#written + this.#buffered + bytes > this.#maxFileBytes) {
      await this.#finishFile()
      await this.#openNext()
    }
    this.#records++
    const frame = await this.#room(V1_FRAME_BYTES)
    frame.writeBigUInt64LE(seq, 0)
    frame.writeUInt32LE(payload.length, 8)
    if (payload.length > BUFFER_BYTES) {
      await this.#flush()
      await this.#put(payload)
    } else (await this.#room(payload.length)).set(payload)
  }

  /** The next `length` bytes of the buffer, after making room for them. */
  async #room(length: number): Promise<Buffer> {
    if (this.#buffered + length > BUFFER_BYTES) await this.#flush()
    this.#buffered += length
    return this.#buffer.subarray(this.#buffered - length, this.#buffered)
  }

  async #flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#buffered)
    this.#buffered = 0
    await this.#put(bytes)
  }

  async #put(bytes: Uint8Array): Promise<void> {
    await writeFully(this.#file!, bytes, this.#written)
    this.#written += bytes.length
  }

  async #finishFile(): Promise<void> {
    await this.#flush()
    await this.#file!.sync()
    await this.#file!.close()
    this.#file = undefined
  }

  /**
   * Files are named by the second: one begun in a second that is taken gets the next, so that the
   * names stay in writing order.
   */
  async #openNext(): Promise<void> {
    this.#seconds = Math.max(Math.floor(epochMs() / 1000), this.#seconds + 1)
    this.#path = join(this.#directory, v1SegmentName(this.#seconds))
    try {
      this.#file = await this.#disk.open(this.#path, 'create')
    } catch (error) {
      throw diskError(error, 'Creating', this.#path)
    }
    this.#written = 0
    this.#records = 0
    ;(await this.#room(encodeV1Header(0).length)).set(encodeV1Header(this.#seconds))
  }
}

async function prepareDirectory(disk: Disk, directory: string): Promise<void> {
  try {
    await changeNames(disk, dirname(directory), () => disk.makeDirectory(directory))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw directoryError(error, dirname(directory))
  }
  const entries = await disk.list(directory).catch((error) => {
    throw directoryError(error, directory)
  })
  const found = entries.find(({ name }) => isV1SegmentName(name))
  if (found === undefined) return
  const message = `${directory} holds ${found.name} already: a v1 log can only be written into a directory without one.`
  throw new WalError('WALV_INVALID_OPTION', message, { file: directory })
}

function refusal(problem: string): WalError {
  return new WalError(
    'WALV_INVALID_ENTRY',
    `Format v1 cannot hold this record: ${problem}. Nothing was written.`,
  )
}
