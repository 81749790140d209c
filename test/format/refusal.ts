import assert from 'node:assert/strict'
import { WalError, type WalErrorCode } from '../../src/errors.ts'

export interface Refusal {
  readonly code: WalErrorCode
  readonly message: string
  readonly id?: string
}

/**
 * Makes sure that something is refused with this code, these words and, where one is to be named,
 * this id.
 */
export function assertRefused(refused: () => unknown, { code, message, id }: Refusal): void {
  assert.throws(refused, (error) => {
    assert.ok(error instanceof WalError, String(error))
    assert.deepEqual([error.code, error.message, error.id], [code, message, id])
    return true
  })
}
