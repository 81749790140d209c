/** A question to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises'

export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

/** Standard output is for the answer of the program; questions go beside it. */
const TERMINAL: Terminal = { input: process.stdin, output: process.stderr }

/** Whether there is somebody to ask. */
export const canAsk = ({ input, output }: Terminal = TERMINAL): boolean =>
  input.isTTY === true && output.isTTY === true

/** Whether the answer is `y` or `yes`. Anything else is a no, an end of the input too. */
export async function confirm(question: string, { input, output }: Terminal = TERMINAL): Promise<boolean> {
  const lines = createInterface({ input, output })
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('\n')))
  const answer = await Promise.race([lines.question(`${question} [y/N] `), ended])
  lines.close()
  if (answer === '\n') output.write(answer)
  return /^\s*y(es)?\s*$/i.test(answer)
}
