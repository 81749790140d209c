/**
 * One sentence of a contract, to be run by any test runner: `run` rejects where the implementation
 * does not keep to it.
 */
export interface ConformanceCase {
  readonly name: string
  run(): Promise<void>
}

/** Checks, by the sentences that they check. */
export type Checks<Subject> = Readonly<Record<string, (subject: Subject) => Promise<void>>>

/**
 * Each check becomes a case that gets a subject of its own; `release` comes after it, whatever
 * became of it.
 */
export function casesOf<Subject extends { release(): Promise<void> }>(
  checks: Checks<Subject>,
  makeSubject: () => Promise<Subject> | Subject,
): ConformanceCase[] {
  return Object.entries(checks).map(([name, check]) => ({
    name,
    async run() {
      const subject = await makeSubject()
      try {
        await check(subject)
      } finally {
        await subject.release()
      }
    },
  }))
}
