/** What strace saw between two marks. */
export interface SyncCount {
  /** Acknowledged appends. */
  readonly appends: number
  /**
   * Syncs of the store's files that began and ended well between the first append and the last
   * acknowledgement.
   */
  readonly syncs: number
  /**
   * Appends that were acknowledged without a sync that began after the one before was acknowledged.
   */
  readonly unsynced: number
  /** How many of each kind. */
  readonly calls: Readonly<Record<string, number>>
}

/** The path whose access, which fails, marks the trace. */
export const MARK = '/walv-bench-mark/'
export const SYNC_CALLS: readonly string[] = ['fsync', 'fdatasync', 'msync', 'syncfs']
export const WRITE_CALLS: readonly string[] = ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2']
export const MARK_CALLS: readonly string[] = ['access', 'faccessat', 'faccessat2']

interface Call {
  readonly name: string
  readonly text: string
  readonly succeeded: boolean
  /** The mark after which it began. */
  readonly began: number
}

/**
 * Counts in the output of `strace -f -y`: `append 0`, `append 1`, … mark the appends'
 * acknowledgements, between `begin` and `end`. Counted are the calls that sync a file within
 * `directory`, and writes to one that is open with O_SYNC or O_DSYNC. `sync_file_range` promises
 * nothing and is not counted.
 */
export function countInTrace(trace: string, directory: string): SyncCount {
  const synchronous = new Set<string>()
  const calls: Record<string, number> = {}
  let marks = 0
  let syncs = 0
  let syncsSinceMark = 0
  let unsynced = 0
  for (const call of completedCalls(trace, () => marks)) {
    if (MARK_CALLS.includes(call.name) && call.text.includes(MARK)) {
      if (call.text.includes(`${MARK}end`)) break
      if (marks > 0 && syncsSinceMark === 0) unsynced++
      marks++
      syncsSinceMark = 0
      continue
    }
    if (!call.succeeded) continue
    followDescriptors(call, synchronous)
    const kind = marks > 0 ? syncKind(call, directory, synchronous) : undefined
    if (kind === undefined) continue
    calls[kind] = (calls[kind] ?? 0) + 1
    syncs++
    if (call.began === marks) syncsSinceMark++
  }
  return { appends: Math.max(0, marks - 1), syncs, unsynced, calls }
}

/** A call that another thread interrupted stands on two lines; it counts where it ends. */
function* completedCalls(trace: string, marks: () => number): Generator<Call> {
  const unfinished = new Map<string, { text: string; began: number }>()
  for (const line of trace.split('\n')) {
    const [, thread, rest] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (thread === undefined || rest === undefined) continue
    if (rest.endsWith(' <unfinished ...>')) {
      unfinished.set(thread, { text: rest.slice(0, -' <unfinished ...>'.length), began: marks() })
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    const start = resumed ? unfinished.get(thread) : undefined
    const text = (start?.text ?? '') + (resumed ? resumed[1] : rest)
    const [, name] = /^(\w+)\(/.exec(text) ?? []
    if (name) yield { name, text, succeeded: / = \d/.test(text), began: start?.began ?? marks() }
  }
}

function followDescriptors({ name, text }: Call, synchronous: Set<string>): void {
  if (name === 'openat' || name === 'open') {
    const descriptor = / = (\d+)/.exec(text)?.[1]
    if (descriptor && /\bO_D?SYNC\b/.test(text)) synchronous.add(descriptor)
  } else if (name === 'close') {
    synchronous.delete(/^close\((\d+)/.exec(text)?.[1] ?? '')
  }
}

function syncKind(
  { name, text }: Call,
  directory: string,
  synchronous: ReadonlySet<string>,
): string | undefined {
  if (name === 'msync') return text.includes('MS_SYNC') ? name : undefined
  const [, descriptor, path] = /^\w+\((\d+)<([^>]*)>/.exec(text) ?? []
  if (!descriptor || !path?.startsWith(`${directory}/`)) return undefined
  if (SYNC_CALLS.includes(name)) return name
  return WRITE_CALLS.includes(name) && synchronous.has(descriptor) ? 'O_DSYNC write' : undefined
}
