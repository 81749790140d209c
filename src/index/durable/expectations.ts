import { createHash } from 'node:crypto'
import { echo } from '../../echo.ts'
import type { BatchMember } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { byteBuffer } from '../../format/byte-buffer.ts'
import type { ChangeKey, Expectation } from '../../format/condition.ts'
import { encodableInput } from '../../format/encode.ts'
import { MAX_IDEMPOTENCY_KEY_BYTES } from '../../limits.ts'
import { wholeNumber } from '../../log/options.ts'
import { checkOptions, type OptionNames, wrongKind } from '../../option-names.ts'
import type { ChangeInput } from './checked-change.ts'
import type { ChangeOptions, ConditionalOptions, IfSeq, IfSeqOrAbsent, UpsertOptions } from './types.ts'

export const CHANGE_OPTIONS: OptionNames<ChangeOptions> = { idempotencyKey: true }
export const CONDITIONAL_OPTIONS: OptionNames<ConditionalOptions> = { ifSeq: true, idempotencyKey: true }
export const UPSERT_OPTIONS: OptionNames<UpsertOptions> = { ifAbsent: true, ...CONDITIONAL_OPTIONS }
export const IF_SEQ: OptionNames<IfSeq> = { ifSeq: true }
export const IF_SEQ_OR_ABSENT: OptionNames<IfSeqOrAbsent> = { ifSeq: true, ifAbsent: true }

/** What the changes of a unit expect of their ids, each id once. */
export class Expectations {
  readonly #seqs = new Map<string, number | null>()

  get size(): number {
    return this.#seqs.size
  }

  get list(): Expectation[] {
    return Array.from(this.#seqs, ([id, seq]) => ({ id, seq }))
  }

  /** What is expected of an id; undefined where nothing is. */
  of(id: string): number | null | undefined {
    return this.#seqs.get(id)
  }

  /** @throws WALV_INVALID_OPTION where another number is expected of the id already */
  add(id: string, seq: number | null): void {
    const other = this.#seqs.get(id)
    if (other !== undefined && other !== seq)
      throw new WalError(
        'WALV_INVALID_OPTION',
        `${echo(id)} cannot be both ${told(other)} and ${told(seq)}: all conditions are about what is there before. Nothing was logged.`,
        { id, fate: 'not-logged' },
      )
    this.#seqs.set(id, seq)
  }

  /** What options, or a change of a batch, say. @throws WALV_INVALID_OPTION */
  take(id: string, { ifSeq, ifAbsent }: IfSeqOrAbsent): void {
    if (ifAbsent !== undefined && typeof ifAbsent !== 'boolean')
      throw wrongKind('ifAbsent', ifAbsent, 'true or left out')
    if (ifSeq !== undefined) {
      this.add(id, wholeNumber('ifSeq', ifSeq, 0))
      if (ifAbsent)
        throw new WalError(
          'WALV_INVALID_OPTION',
          `${echo(id)} cannot be both there, with ifSeq, and not there, with ifAbsent. Give one of them. Nothing was logged.`,
          { id, fate: 'not-logged' },
        )
    } else if (ifAbsent) this.add(id, null)
  }
}

const told = (seq: number | null): string => (seq === null ? 'absent' : `as record ${seq} left it`)

/** What a change expects, those of a batch all together. @throws WALV_INVALID_OPTION */
export function expectationsOf(
  input: ChangeInput,
  expectations: Expectations = new Expectations(),
): Expectations {
  if (input.type === 'batch') for (const member of input.entries) expectationsOf(member, expectations)
  else if (input.type !== 'custom') expectations.take(input.id, input as IfSeqOrAbsent)
  return expectations
}

/**
 * The options of a change, checked; undefined where none say anything.
 * @throws WALV_INVALID_OPTION, WALV_LIMIT; nothing was logged
 */
export function checkedOptions<Options extends object>(
  call: string,
  options: Options | undefined,
  names: OptionNames<Options>,
): Options | undefined {
  if (options === undefined) return undefined
  checkOptions(call, options, names)
  const { idempotencyKey: key } = options as ChangeOptions
  if (key === undefined) return options
  if (typeof key !== 'string' || key === '' || !key.isWellFormed())
    throw wrongKind('idempotencyKey', key, 'a text that is not empty')
  if (Buffer.byteLength(key) > MAX_IDEMPOTENCY_KEY_BYTES)
    throw new WalError(
      'WALV_LIMIT',
      `An idempotency key has at most ${MAX_IDEMPOTENCY_KEY_BYTES} bytes of UTF-8, and this one has ${Buffer.byteLength(key)}. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  return options
}

/** The key of a change, with what the change is: the bytes that would be logged of it alone. */
export function changeKey(text: string, entry: BatchMember): ChangeKey {
  const payload = encodableInput(entry)
  const memory = byteBuffer(payload.bytes)
  payload.write(memory, 0)
  const bytes = memory.bytes.subarray(0, payload.bytes)
  const digest = createHash('sha256').update(Uint8Array.of(payload.type)).update(bytes).digest('hex')
  return { text, digest: digest.slice(0, 32) }
}
