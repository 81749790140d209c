import assert from 'node:assert/strict'
import type { ConformanceCase } from '../../src/testing/mod.ts'

/** The case of that name; fails if there is none. */
export function caseOf(cases: readonly ConformanceCase[], name: string): ConformanceCase {
  const found = cases.find((each) => each.name === name)
  assert.ok(found, `there is no case named ${JSON.stringify(name)}`)
  return found
}
