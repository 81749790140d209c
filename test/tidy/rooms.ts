/**
 * The rooms of `src`, from the ground up. Each imports only from itself and from those before it.
 * A file belongs to the room with the longest name that it begins with.
 */
export const ROOMS: readonly (readonly string[])[] = [
  [
    'src/clock',
    'src/diagnostics',
    'src/echo',
    'src/entry',
    'src/errors',
    'src/fifo',
    'src/limits',
    'src/option-names',
  ],
  ['src/disk/'],
  ['src/format/'],
  [
    'src/log/log.',
    'src/log/options',
    'src/log/health',
    'src/log/layout',
    'src/log/moment',
    'src/log/quarantine',
    'src/log/damage.',
    'src/log/directory-lock',
    'src/log/lock-holder',
    'src/log/cursor-types',
  ],
  ['src/log/segment/'],
  ['src/log/write/'],
  ['src/log/transaction/'],
  ['src/log/cursor/'],
  ['src/log/checkpoint/'],
  ['src/log/recover/'],
  ['src/log/read/'],
  ['src/log/follow/'],
  ['src/log/'],
  ['src/submission/'],
  ['src/shared/'],
  ['src/replicated/'],
  ['src/v1/'],
  ['src/doctor/'],
  ['src/index/'],
  ['src/index/filter/'],
  ['src/index/flat/'],
  ['src/index/durable/'],
  ['src/adapters/graph/'],
  ['src/adapters/'],
  ['src/testing/'],
  ['src/mod.'],
  ['src/cli/'],
]

/** The place of a file's room, from the ground; undefined for one that belongs to none. */
export function roomOf(path: string): number | undefined {
  let found: number | undefined
  let longest = 0
  for (const [place, names] of ROOMS.entries())
    for (const name of names)
      if (path.startsWith(name) && name.length > longest) {
        found = place
        longest = name.length
      }
  return found
}
