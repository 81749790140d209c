import type { Target } from './target.ts'

const MAX_EXECUTIONS = 3000

/**
 * A shorter input at which the target throws the same error, its numbers aside; the input itself if it does not throw that. Pieces are left out, halves first, then bytes are made zero.
 * `onTry` is told of every input before it is run.
 */
export async function minimize(
  target: Target,
  input: Uint8Array,
  error: Error,
  onTry: (input: Uint8Array) => void = () => {},
): Promise<Uint8Array> {
  let executions = 0
  const fails = async (candidate: Uint8Array): Promise<boolean> => {
    executions++
    onTry(candidate)
    return kindOf(await thrownBy(target, candidate)) === kindOf(error)
  }
  if (!(await fails(input))) return input
  let smallest = input
  for (let length = Math.ceil(input.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at < smallest.length && executions < MAX_EXECUTIONS; ) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + length)])
      if (await fails(candidate)) smallest = candidate
      else at += length
    }
  }
  for (let at = 0; at < smallest.length && executions < MAX_EXECUTIONS; at++) {
    if (smallest[at] === 0) continue
    const candidate = Uint8Array.from(smallest).fill(0, at, at + 1)
    if (await fails(candidate)) smallest = candidate
  }
  return smallest
}

async function thrownBy(target: Target, input: Uint8Array): Promise<Error | undefined> {
  try {
    await target.run(input)
    return undefined
  } catch (error) {
    return error as Error
  }
}

const kindOf = (error: Error | undefined): string | undefined =>
  error && `${error.name} ${error.message.split('\n')[0]}`.replace(/\d+/g, '0')
