import type { WalError } from '../../errors.ts'

interface Flush {
  readonly before: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Those who wait until everything is durable that had been appended when they asked. */
export class Flushes {
  #waiting: Flush[] = []

  /** Resolves once every record with a smaller number than this is durable. */
  wait(before: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ before, resolve, reject }))
  }

  /**
   * Answers those who have what they wait for. After a refusal, which lowers `nextSeq`, that may be
   * less than they asked for.
   */
  settle(durableBefore: number, nextSeq: number): void {
    if (this.#waiting.length === 0) return
    const isReached = ({ before }: Flush): boolean => durableBefore >= Math.min(before, nextSeq)
    const reached = this.#waiting.filter(isReached)
    this.#waiting = this.#waiting.filter((flush) => !isReached(flush))
    for (const { resolve } of reached) resolve()
  }

  /** The log takes nothing more: nobody gets what they wait for. */
  fail(error: WalError): void {
    const failed = this.#waiting
    this.#waiting = []
    for (const { reject } of failed) reject(error)
  }
}
