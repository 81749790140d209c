import type { CustomEntry, WalEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import { MAX_IDEMPOTENCY_KEY_BYTES } from '../limits.ts'
import { getUint64, setUint64 } from './byte-buffer.ts'

/** The kind of the custom entry that says when a unit takes effect. `docs/format.md` has it. */
export const CONDITION_KIND = 'walv.condition'

/** What an id has to be for a unit to take effect, before anything of the unit does. */
export interface Expectation {
  readonly id: string
  /** The number of its last change; `null`: it is not there. */
  readonly seq: number | null
}

/** By what the same change is known again when its caller asks for it once more. */
export interface ChangeKey {
  readonly text: string
  /** 16 bytes in hexadecimal of what the change is; all zero where that is not compared. */
  readonly digest: string
}

/** When entries that take effect together do so: without it, whenever they can. */
export interface Condition {
  readonly expects: readonly Expectation[]
  readonly key?: ChangeKey | undefined
}

const VERSION = 1
const DIGEST_AT = 8
const DIGEST_BYTES = 16
const HEADER_BYTES = 24
const EXPECTATION_BYTES = 10
const ABSENT = 0xffff_ffff
export const NO_DIGEST: string = '00'.repeat(DIGEST_BYTES)

export function conditionEntry({ expects, key }: Condition): CustomEntry {
  const ids = expects.map(({ id }) => Buffer.from(id))
  const text = Buffer.from(key?.text ?? '')
  const bytes = ids.reduce((sum, id) => sum + EXPECTATION_BYTES + id.length, HEADER_BYTES + text.length)
  const data = Buffer.alloc(bytes)
  const view = new DataView(data.buffer, data.byteOffset, bytes)
  view.setUint16(0, VERSION, true)
  view.setUint16(2, text.length, true)
  view.setUint32(4, expects.length, true)
  if (key) data.write(key.digest, DIGEST_AT, 'hex')
  text.copy(data, HEADER_BYTES)
  let at = HEADER_BYTES + text.length
  for (const [place, { seq }] of expects.entries()) {
    const id = ids[place]!
    if (seq === null) data.fill(0xff, at, at + 8)
    else setUint64(view, at, seq)
    view.setUint16(at + 8, id.length, true)
    id.copy(data, at + EXPECTATION_BYTES)
    at += EXPECTATION_BYTES + id.length
  }
  // What is logged is plain bytes.
  return { type: 'custom', kind: CONDITION_KIND, data: new Uint8Array(data.buffer, data.byteOffset, bytes) }
}

/**
 * What an entry says of when its unit takes effect; undefined for one that says nothing of that.
 * @throws WALV_INVALID_ENTRY for one that cannot be understood, WALV_UNSUPPORTED_FEATURE for one of
 * a newer walv
 */
export function conditionIn(entry: WalEntry): Condition | undefined {
  if (entry.type !== 'custom' || entry.kind !== CONDITION_KIND) return undefined
  return decodeCondition(entry.data)
}

function decodeCondition(data: Uint8Array): Condition {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  if (data.length < HEADER_BYTES) throw undecodable('it is too short')
  const version = view.getUint16(0, true)
  if (version !== VERSION) throw newer(version)
  const keyBytes = view.getUint16(2, true)
  const count = view.getUint32(4, true)
  let at = HEADER_BYTES + keyBytes
  if (keyBytes > MAX_IDEMPOTENCY_KEY_BYTES || at > data.length) throw undecodable('its key is too long')
  const text = bytes.toString('utf8', HEADER_BYTES, at)
  const digest = bytes.toString('hex', DIGEST_AT, DIGEST_AT + DIGEST_BYTES)
  const expects: Expectation[] = []
  while (expects.length < count) {
    const start = at + EXPECTATION_BYTES
    const end = start > data.length ? start : start + view.getUint16(at + 8, true)
    if (end > data.length || end === start) throw undecodable('it names an id that is not there')
    const seq = view.getUint32(at + 4, true) === ABSENT ? null : getUint64(view, at)
    if (Number.isNaN(seq)) throw undecodable('it names a number beyond 2^53')
    expects.push({ id: bytes.toString('utf8', start, end), seq })
    at = end
  }
  if (at !== data.length) throw undecodable('something stands behind its end')
  return { expects, ...(keyBytes > 0 && { key: { text, digest } }) }
}

const undecodable = (why: string): WalError =>
  new WalError('WALV_INVALID_ENTRY', `A ${CONDITION_KIND} record cannot be understood: ${why}.`)

const newer = (version: number): WalError =>
  new WalError(
    'WALV_UNSUPPORTED_FEATURE',
    `The log has a ${CONDITION_KIND} record of version ${version}, which this walv does not know. Use a newer walv.`,
  )
