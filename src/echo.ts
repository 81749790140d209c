import { inspect } from 'node:util'

/** Most characters of one input that a message repeats: with two or three inputs, not over 200. */
const ECHO_CHARACTERS = 60

/** Runs no code of the input, whatever it is. */
const BRIEFLY = {
  depth: 1,
  maxArrayLength: 3,
  maxStringLength: ECHO_CHARACTERS,
  breakLength: Number.POSITIVE_INFINITY,
  customInspect: false,
} as const

/** Input as an error message repeats it: a text as JSON, else as Node shows it, and cut short. */
export function echo(value: unknown): string {
  if (typeof value !== 'string') return cut(inspect(value, BRIEFLY))
  const start = value.slice(0, ECHO_CHARACTERS)
  return start === value ? JSON.stringify(value) : `${JSON.stringify(start.toWellFormed())}…`
}

/** The start of a text that is a name or a sentence itself, and stands without quotes. */
export function cut(text: string, characters: number = ECHO_CHARACTERS): string {
  return text.length <= characters ? text : `${text.slice(0, characters).toWellFormed()}…`
}

/**
 * A path for a shell. What would not be seen, or would change what is seen, is escaped as bash and
 * zsh understand it.
 */
export function shellQuoted(path: string): string {
  if (/^[\w@%+=:,./-]+$/.test(path)) return path
  if (!UNSEEN.test(path)) return `'${path.replaceAll("'", "'\\''")}'`
  const escaped = path.replace(/[\\']/g, '\\$&').replace(new RegExp(UNSEEN, 'gu'), (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `$'${escaped}'`
}

/** Controls, line separators, and the marks that turn the direction of writing. */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u
