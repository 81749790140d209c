import { isMissing } from '../../disk/io-error.ts'
import type { WalError } from '../../errors.ts'

/**
 * How often what is beside a live writer is looked at, before what it met there is told: more often
 * than a busy writer gets in the way.
 */
export const LOOKS_BESIDE_WRITER = 20

/**
 * Whether what could not be read is what a writer has let go of, or may have. What is told with the
 * earliest moment that is left was looked at twice.
 */
export const wasRetired = (error: unknown): boolean => {
  const { code, detail } = error as Partial<WalError>
  return (
    (code === 'WALV_SEQUENCE_TRIMMED' && detail === undefined) || isMissing(error as NodeJS.ErrnoException)
  )
}

/**
 * What `look` finds, beside a writer that may let go of files while they are read. It looks again,
 * up to so many times, where that happened (or where `mayLookAgain` says so of the error), and
 * where it answers undefined. The last look has to answer.
 */
export async function lookBesideWriter<T>(
  looks: number,
  look: (isLast: boolean) => Promise<T | undefined>,
  mayLookAgain: (error: unknown) => boolean = wasRetired,
): Promise<T> {
  for (let left = looks; ; left--) {
    try {
      const found = await look(left === 1)
      if (found !== undefined) return found
    } catch (error) {
      if (left === 1 || !mayLookAgain(error)) throw error
    }
  }
}
