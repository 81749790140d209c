import type { Target } from './target.ts'

const MAX_EXECUTIONS = 3000

/**
 * A shorter input at which the target throws the same error, its numbers aside; the input itself if
 * it does not throw that. `onTry` is told of every input before it is run.
 */
export async function minimize(
  target: Target,
  input: Uint8Array,
  error: Error,
  onTry: (input: Uint8Array) => void = () => {},
): Promise<Uint8Array> {
  let executions = 0
  const fails = async (candidate: Uint8Array): Promise<boolean> => {
    if (++executions > MAX_EXECUTIONS) return false
    onTry(candidate)
    return kindOf(await thrownBy(target, candidate)) === kindOf(error)
  }
  if (!(await fails(input))) return input
  let smallest = input
  const { parts } = target
  for (let index = 0; parts && index < parts.of(input).length; index++) {
    const within = smallest
    const replaced = (part: Uint8Array): Uint8Array => parts.replace(within, index, part)
    const whole = parts.of(smallest)[index]!
    if (await fails(replaced(whole)))
      smallest = replaced(await shortest(whole, (part) => fails(replaced(part))))
  }
  return shortest(smallest, fails)
}

/** Leaves out pieces, halves first, as long as `fails`; then makes bytes zero. */
async function shortest(
  bytes: Uint8Array,
  fails: (bytes: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let smallest = bytes
  for (let length = Math.ceil(bytes.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + length)])
      if (await fails(candidate)) smallest = candidate
      else at += length
    }
  }
  for (let at = 0; at < smallest.length; at++) {
    const candidate = new Uint8Array(smallest).fill(0, at, at + 1)
    if (smallest[at] !== 0 && (await fails(candidate))) smallest = candidate
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
