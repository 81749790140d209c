/** The habits of CONTRIBUTING.md, as far as a program can check them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../package/nodes.ts'

const none = (found: readonly string[]): void => assert.equal(found.join('\n'), '', `${found.length} found`)

const DECISIONS = join(ROOT, 'docs/decisions')
const decisions = readdirSync(DECISIONS).filter((name) => /^\d{4}-.*\.md$/.test(name))

test('every decision has a status below its title, and what superseded it is there', () => {
  assert.ok(decisions.length > 20)
  none(
    decisions.filter((name) => {
      const [title, status] = readFileSync(join(DECISIONS, name), 'utf8').split('\n\n')
      const superseding = [...status!.matchAll(/\((\d{4}-[^)]+\.md)\)/g)].map((match) => match[1]!)
      return (
        !title!.startsWith(`# ${Number(name.slice(0, 4))}. `) ||
        !/^\*\*Status:\*\* (?:accepted\b|superseded\sby\s\[)/.test(status!) ||
        !superseding.every((other) => decisions.includes(other) && other !== name)
      )
    }),
  )
})

const KINDS = ['Added', 'Changed', 'Breaking', 'Fixed']

test('what is unreleased in the changelog is of four kinds, in their order', () => {
  const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')
  const sections = changelog.split(/^## /m).filter((section) => /^.*unreleased/i.test(section))
  for (const section of sections) {
    const headings = [...section.matchAll(/^###+ (.*)$/gm)].map((match) => match[1]!)
    assert.deepEqual(
      headings,
      KINDS.filter((kind) => headings.includes(kind)),
    )
    none(section.split(/^### .*$/m).flatMap((part, place) => (place === 0 ? [] : outsideOfLists(part))))
  }
})

/** Lines of a section that belong to no item of a list. */
const outsideOfLists = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !/^(?:- | {2})/.test(line))

/** Older subjects have other forms. */
const FIRST = '9356237'
const SUBJECT = /^[a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*: \S.*[^.]$/
const SUBJECT_CHARACTERS = 72

/** Undefined where git does not know the first of them: an archive, or a shallow copy. */
function subjects(): readonly string[] | undefined {
  try {
    const log = ['log', '--no-merges', '--format=%s', `${FIRST}..HEAD`]
    return execFileSync('git', log, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter((subject) => subject !== '')
  } catch {
    return undefined
  }
}

test(`the subjects of commits since ${FIRST} are short, and begin with their area (skipped without git's history)`, (t) => {
  const found = subjects()
  if (found === undefined) return t.skip('git does not know that commit here')
  none(found.filter((subject) => !SUBJECT.test(subject) || subject.length > SUBJECT_CHARACTERS))
})
