/**
 * The directories of a simulated disk. A change of names lands whole or not at all (a rename never
 * leaves both names or none), and after the changes before it of the same names; otherwise
 * independently of any other, until every directory it touches has been synced.
 */
import type { Choose, UnsyncedChange } from './crash-choice.ts'
import { systemError } from './operations.ts'
import { SimulatedFile } from './simulated-file.ts'

export type SimulatedNode = SimulatedFile | SimulatedDirectory

export class SimulatedDirectory {
  /** What the running system sees. */
  entries: Map<string, SimulatedNode> = new Map()
  /** What is surely on the disk. */
  diskEntries: Map<string, SimulatedNode> = new Map()

  contains(other: SimulatedDirectory): boolean {
    if (other === this) return true
    return [...this.entries.values()].some(
      (node) => node instanceof SimulatedDirectory && node.contains(other),
    )
  }
}

/** A place for a name. */
export interface NameSlot {
  readonly directory: SimulatedDirectory
  readonly name: string
}

/** What a slot holds from now on; `undefined`: nothing. */
export type NameAssignment = NameSlot & { readonly node: SimulatedNode | undefined }

type ChangeKind = Extract<UnsyncedChange, { kind: 'name' }>['change']

interface NameChange {
  readonly change: ChangeKind
  readonly path: string
  readonly assignments: readonly NameAssignment[]
  /** The directories it touches that were not synced since. */
  readonly unsynced: Set<SimulatedDirectory>
  readonly operation: number
  /** Dropped by a sync that failed; see `simulated-file.ts`. */
  lost: boolean
}

export class SimulatedNames {
  root: SimulatedDirectory = new SimulatedDirectory()
  #changes: NameChange[] = []

  /**
   * The node of a path; `undefined` if its last name is not there. Throws `ENOENT` or `ENOTDIR` for
   * what comes before that.
   */
  find(path: readonly string[]): SimulatedNode | undefined {
    if (path.length === 0) return this.root
    const { directory, name } = this.slot(path)
    return directory.entries.get(name)
  }

  slot(path: readonly string[]): NameSlot {
    let directory = this.root
    for (const name of path.slice(0, -1)) {
      const node = directory.entries.get(name)
      if (!node) throw systemError('ENOENT')
      if (node instanceof SimulatedFile) throw systemError('ENOTDIR')
      directory = node
    }
    const name = path.at(-1)
    if (name === undefined) throw systemError('EBUSY')
    return { directory, name }
  }

  /**
   * Gives what has one name another that nothing has: a second one if it is a file, which is
   * answered; else the other in its place.
   */
  link(path: string, from: readonly string[], to: readonly string[], operation: number): boolean {
    const source = this.slot(from)
    const node = source.directory.entries.get(source.name)
    if (!node) throw systemError('ENOENT', path)
    const target = this.slot(to)
    if (target.directory.entries.has(target.name)) throw systemError('EEXIST', to.join('/'))
    const isFile = node instanceof SimulatedFile
    if (!isFile && node.contains(target.directory)) throw systemError('EINVAL', to.join('/'))
    const ended = isFile ? [] : [{ ...source, node: undefined }]
    const change = isFile ? 'link' : 'rename'
    this.apply(change, `${path} -> /${to.join('/')}`, [...ended, { ...target, node }], operation)
    return isFile
  }

  apply(change: ChangeKind, path: string, assignments: readonly NameAssignment[], operation: number): void {
    for (const assignment of assignments) assign(assignment.directory.entries, assignment)
    const unsynced = new Set(assignments.map(({ directory }) => directory))
    this.#changes.push({ change, path, assignments, unsynced, operation, lost: false })
  }

  /**
   * The names that operations up to `through` changed in `directory` are on the disk from now on,
   * except for what an earlier sync lost.
   */
  sync(directory: SimulatedDirectory, through: number): void {
    for (const change of this.#changes) {
      if (!change.lost && change.operation <= through) change.unsynced.delete(directory)
    }
    const settled = new Set<NameChange>()
    for (const change of this.#changes.toReversed()) {
      const needed = [...settled].some((later) => shareName(change, later))
      if (needed || change.unsynced.size === 0) settled.add(change)
    }
    for (const change of this.#changes) if (settled.has(change)) land(change, diskEntriesOf)
    const open = this.#changes.filter((change) => !settled.has(change))
    const reachable = this.#reachable(open)
    this.#changes = open.filter(({ assignments }) =>
      assignments.some((slot) => reachable.has(slot.directory)),
    )
  }

  /**
   * The directories that the disk may have in the tree, whatever becomes of the changes in `open`.
   */
  #reachable(open: readonly NameChange[]): Set<SimulatedDirectory> {
    const reachable = new Set([this.root])
    // A set's iteration goes on to what is added meanwhile.
    for (const directory of reachable) {
      const added = open.flatMap(({ assignments }) =>
        assignments.filter((slot) => slot.directory === directory),
      )
      for (const node of [...directory.diskEntries.values(), ...added.map((slot) => slot.node)]) {
        if (node instanceof SimulatedDirectory) reachable.add(node)
      }
    }
    return reachable
  }

  /** A sync that fails; see `simulated-file.ts`. */
  loseSync(directory: SimulatedDirectory, through: number): void {
    for (const change of this.#changes) {
      if (change.unsynced.has(directory) && change.operation <= through) change.lost = true
    }
  }

  unsyncedSince(): number {
    let since = this.#changes[0]?.operation ?? Number.POSITIVE_INFINITY
    for (const file of this.files()) since = Math.min(since, file.unsyncedSince())
    return since
  }

  /** Each once, however many names it has. */
  files(): Set<SimulatedFile> {
    const files = new Set<SimulatedFile>()
    const directories = [this.root]
    for (let directory = directories.pop(); directory; directory = directories.pop()) {
      for (const node of directory.entries.values()) {
        if (node instanceof SimulatedFile) files.add(node)
        else directories.push(node)
      }
    }
    return files
  }

  /** The tree as it is after a power cut. */
  crashed(choose: Choose): SimulatedNames {
    const entries = new Map<SimulatedDirectory, Map<string, SimulatedNode>>()
    const entriesOf = (directory: SimulatedDirectory): Map<string, SimulatedNode> => {
      const landed = entries.get(directory) ?? new Map(directory.diskEntries)
      entries.set(directory, landed)
      return landed
    }
    const vanished: NameChange[] = []
    for (const change of this.#changes) {
      const possible = !vanished.some((earlier) => shareName(earlier, change) || makes(earlier, change))
      if (possible && choose(question(change)) === 1) land(change, entriesOf)
      else vanished.push(change)
    }
    // A file that has two names is one file still.
    const files = new Map<SimulatedFile, SimulatedFile>()
    const fileOf = (file: SimulatedFile, path: string): SimulatedFile => {
      const copy = files.get(file) ?? file.crashed(path, choose)
      files.set(file, copy)
      return copy
    }
    const rebuild = (directory: SimulatedDirectory, path: string): SimulatedDirectory => {
      const rebuilt = new SimulatedDirectory()
      for (const [name, node] of entriesOf(directory)) {
        const nodePath = `${path}/${name}`
        const copy = node instanceof SimulatedFile ? fileOf(node, nodePath) : rebuild(node, nodePath)
        rebuilt.entries.set(name, copy)
      }
      rebuilt.diskEntries = new Map(rebuilt.entries)
      return rebuilt
    }
    const names = new SimulatedNames()
    names.root = rebuild(this.root, '')
    return names
  }

  /**
   * The same tree, its unsynced changes still open; their operations' numbers are lowered by
   * `earlier`.
   */
  clone(earlier: number): SimulatedNames {
    const copies = new Map<SimulatedNode, SimulatedNode>()
    const copyOf = <N extends SimulatedNode>(node: N): N => {
      let copy = copies.get(node)
      if (!copy) {
        copy = node instanceof SimulatedFile ? node.clone(earlier) : new SimulatedDirectory()
        copies.set(node, copy)
        if (node instanceof SimulatedDirectory && copy instanceof SimulatedDirectory) {
          for (const [name, entry] of node.entries) copy.entries.set(name, copyOf(entry))
          for (const [name, entry] of node.diskEntries) copy.diskEntries.set(name, copyOf(entry))
        }
      }
      return copy as N
    }
    const names = new SimulatedNames()
    names.root = copyOf(this.root)
    names.#changes = this.#changes.map((change) => ({
      ...change,
      assignments: change.assignments.map(({ directory, name, node }) => {
        return { directory: copyOf(directory), name, node: node && copyOf(node) }
      }),
      unsynced: new Set([...change.unsynced].map(copyOf)),
      operation: change.operation - earlier,
    }))
    return names
  }
}

/** Whether `change` takes place in a directory that `earlier` made. */
function makes(earlier: NameChange, change: NameChange): boolean {
  if (earlier.change !== 'makeDirectory') return false
  return change.assignments.some(({ directory }) => directory === earlier.assignments[0]!.node)
}

function assign(entries: Map<string, SimulatedNode>, { name, node }: NameAssignment): void {
  if (node) entries.set(name, node)
  else entries.delete(name)
}

const diskEntriesOf = (directory: SimulatedDirectory): Map<string, SimulatedNode> => directory.diskEntries

function land(
  change: NameChange,
  entriesOf: (directory: SimulatedDirectory) => Map<string, SimulatedNode>,
): void {
  for (const assignment of change.assignments) assign(entriesOf(assignment.directory), assignment)
}

function shareName(one: NameChange, other: NameChange): boolean {
  return one.assignments.some((a) =>
    other.assignments.some((b) => a.directory === b.directory && a.name === b.name),
  )
}

function question({ change, path, operation }: NameChange): UnsyncedChange {
  return { kind: 'name', change, path, operations: [Number.NEGATIVE_INFINITY, operation] }
}
