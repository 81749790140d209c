import type { WalRecord } from '../../src/entry.ts'

/** A record as text: equal if and only if the records are, to the last bit of their vectors. */
export const textOf = (record: WalRecord): string =>
  JSON.stringify(record, (_key, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value
    return {
      [value.constructor.name]: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex'),
    }
  })
