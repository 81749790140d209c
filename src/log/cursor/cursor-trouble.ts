import { WalError } from '../../errors.ts'

/** What to do about a cursor that cannot go on. */
export const beginAnew = (name: string): string =>
  `Drop it (dropCursor, or npx walv cursors DIR --drop ${name}), open it anew with from: 'end', and begin with a copy of what is there now.`

/** What is told to the reader of a cursor that was overtaken. */
export function overtaken(name: string, directory: string, from: number, firstSeq: number): WalError {
  const message = `The cursor ${name} needs record ${from}, and the log in ${directory} begins with record ${firstSeq}: ${from} to ${firstSeq - 1} are gone, since keeping them would have taken more than its maxHeldBytes. ${beginAnew(name)} A larger maxHeldBytes keeps more.`
  return new WalError('WALV_SEQUENCE_TRIMMED', message, { seq: firstSeq })
}
