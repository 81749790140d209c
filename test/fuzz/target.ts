import { WalError, type WalErrorCode } from '../../src/errors.ts'
import type { Random } from '../../src/testing/random.ts'

/** A reader of bytes that nobody vouches for, and how to make such bytes. */
export interface Target {
  readonly name: string
  /** Valid inputs, made by the code that writes them; the same at every call. */
  seeds(): Promise<readonly Uint8Array[]>
  /**
   * A new input made of others, which stay as they are. Most have their checksums made right again,
   * else nothing would get past them.
   */
  mutate(random: Random, input: Uint8Array, other: Uint8Array): Uint8Array
  /**
   * Reads an input. Throws what is a finding. Resolves to words for what came out, the same for
   * equal inputs: an input with a new word is kept and mutated further.
   */
  run(input: Uint8Array): Promise<Iterable<string>>
  /** Where an input is made of several things, each can be shortened by itself. */
  readonly parts?: Parts
}

export interface Parts {
  of(input: Uint8Array): readonly Uint8Array[]
  /** The input with another part in the place of one. */
  replace(input: Uint8Array, index: number, part: Uint8Array): Uint8Array
}

/**
 * Words for what a reader said of an input. Numbers, names and quotations are left out: they would
 * make every input a new one.
 */
export class Words implements Iterable<string> {
  readonly #words = new Set<string>()

  add(...parts: readonly (string | number | boolean | null)[]): void {
    this.#words.add(parts.map(plain).join(' '))
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#words.values()
  }
}

const plain = (part: string | number | boolean | null): string =>
  String(part)
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\(as far as readable: .*\)\./s, '(ids).')
    .replace(/\d+/g, '0')
    .slice(0, 200)

/**
 * Does `work`. Resolves to its result, or to the code of its refusal if that is one of `codes`;
 * anything else is thrown on.
 */
export async function orCode<T>(
  codes: readonly WalErrorCode[],
  work: () => Promise<T>,
): Promise<T | WalErrorCode> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof WalError && codes.includes(error.code)) return error.code
    throw error
  }
}
