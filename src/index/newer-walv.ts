import type { WalError } from '../errors.ts'

/**
 * The `detail` of an error about a file in a layout that this walv does not know: it does not tell
 * of damage.
 */
export const OF_NEWER_WALV = 'of a newer walv'

export const isOfNewerWalv = ({ detail }: WalError): boolean => detail === OF_NEWER_WALV
