/** What the tests of traps share. */
import { describe } from 'node:test'
import { ENGINES, type Engine } from './engines.ts'

/** The same tests with every engine, below its name. */
export function eachEngine(tests: (engine: Engine) => void): void {
  for (const [kind, engine] of Object.entries(ENGINES)) describe(kind, () => tests(engine))
}

/** So many vectors that the graph is asked, and not all of them compared. */
export const MANY = 600
