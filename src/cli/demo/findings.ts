import type { CheckResult } from './check.ts'

/** What all checks of a run found that must not be, each word once however often it was found. */
export class Findings {
  /** Acknowledged, and missing or altered. */
  readonly lost: Set<string> = new Set()
  readonly invented: Set<string> = new Set()

  add({ missing, altered, invented }: Pick<CheckResult, 'missing' | 'altered' | 'invented'>): void {
    for (const id of [...missing, ...altered]) this.lost.add(id)
    for (const id of invented) this.invented.add(id)
  }

  get isEmpty(): boolean {
    return this.lost.size + this.invented.size === 0
  }
}
