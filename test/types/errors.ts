/** Codes of errors, as a user tells them apart. Compiled, never run. */
import { WalError, type WalErrorCode } from '../../src/mod.ts'
import { same } from './expect-type.ts'

export function told(error: WalError): string {
  same<typeof error.code, WalErrorCode>()
  same<typeof error.fate, 'not-logged' | 'unknown' | undefined>()
  switch (error.code) {
    case 'WALV_DISK_FULL':
      return 'make space'
    case 'WALV_POISONED':
      return 'open again'
    // @ts-expect-error there is no such code
    case 'WALV_DISC_FULL':
      return 'a slip'
    default:
      return error.message
  }
}

// @ts-expect-error a code is one of the union, not any string
export const anyCode: WalErrorCode = 'WALV_WHATEVER' as string

// @ts-expect-error there is no such code
export const misspelt = new WalError('WALV_IOO', 'text')

/** A program that handles every code is told by the compiler when there is a new one. */
export const every = (advice: Record<WalErrorCode, string>, error: WalError): string => advice[error.code]
