/**
 * What several processes that share an index have asked for, were answered, and have shown; and
 * what must be found of it, in the log and in the index, whatever has become of them.
 */
import assert from 'node:assert/strict'
import type { BatchMember } from '../../src/entry.ts'
import { dataEntries } from '../../src/index/durable/unit.ts'
import { type CommittedUnit, type Condition, conditionIn, Wal } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { isLinearizable, type Operation } from '../torture/share/linearizable.ts'
import { fingerprintOf, type Value } from './index-model.ts'
import { DIRECTORY } from './workload.ts'

export type Kind = Exclude<Operation['kind'], 'read'>

/** One change, or, of several ids, as many upserts that take effect together. */
export interface Call {
  readonly kind: Kind
  readonly ids: readonly string[]
  /** What it writes; no other call writes the same. */
  readonly value: number
  /** Of a swap, the value that it is to take the place of; undefined for nothing. */
  readonly expected?: number | undefined
  /** The number of that value's change. */
  readonly ifSeq?: number | undefined
}

/**
 * `done` and `impossible` as the operation says; of a deletion, whether the id was there.
 * `not-logged`: it has no effect. `unknown`: it has or not.
 */
export type Answer = 'done' | 'impossible' | 'not-logged' | 'unknown'

type Event =
  | { readonly event: 'called'; readonly call: Call }
  | { readonly event: 'answered'; readonly call: Call; readonly answer: Answer }
  | { readonly event: 'shown'; readonly life: number; readonly fingerprint: string }

/** Everything until a moment, newest first. Immutable. */
export interface Facts {
  readonly newest: Event
  readonly before: Facts | undefined
}

const eventsOf = (facts: Facts | undefined): Event[] => {
  const events: Event[] = []
  for (let each = facts; each; each = each.before) events.push(each.newest)
  return events.reverse()
}

/** What the index holds: of each id the value that was written last. */
export type Present = ReadonlyMap<string, number>

/** @throws where something is not explained by what is in the log and in the index */
export async function needExplained(
  disk: SimulatedDisk,
  facts: Facts | undefined,
  present: Present,
  isTrimmed: boolean,
): Promise<void> {
  const events = eventsOf(facts)
  needHistories(events, present)
  const units = await unitsOf(disk)
  if (units === undefined) return assert.ok(isTrimmed, 'records are gone that are to be kept')
  needOncePerOrigin(units)
  needCalls(events, units)
  needPrefixes(events, units)
}

/** Undefined where retention has let go of some. */
async function unitsOf(disk: SimulatedDisk): Promise<CommittedUnit[] | undefined> {
  const wal = await Wal.open({ directory: DIRECTORY, disk: disk.kill(), readOnly: true })
  if (wal.stats().firstSeq > 0) return undefined
  const units: CommittedUnit[] = []
  for await (const unit of wal.replay()) units.push(unit)
  await wal.close()
  return units
}

/** The histories of all ids can be explained, with what is there at the end. */
function needHistories(events: readonly Event[], present: Present): void {
  const histories = new Map<string, Operation[]>()
  const calledAt = new Map(events.flatMap((each, at) => (each.event === 'called' ? [[each.call, at]] : [])))
  const answers = new Map<Call, { readonly answer: Answer; readonly at: number }>()
  for (const [at, each] of events.entries())
    if (each.event === 'answered') answers.set(each.call, { answer: each.answer, at })
  for (const [call, at] of calledAt) {
    const { answer, at: answeredAt } = answers.get(call) ?? { answer: 'unknown', at: 0 }
    if (answer === 'not-logged') continue
    const isKnown = answer !== 'unknown'
    const operation: Operation = {
      kind: call.kind,
      value: call.value,
      expected: call.expected,
      succeeded: isKnown ? answer === 'done' : undefined,
      calledAt: at,
      returnedAt: isKnown ? answeredAt : Number.POSITIVE_INFINITY,
    }
    for (const id of call.ids) histories.set(id, [...(histories.get(id) ?? []), operation])
  }
  for (const [id, operations] of histories) {
    const times = { calledAt: events.length, returnedAt: events.length + 1 }
    const found: Operation = { kind: 'read', value: present.get(id), succeeded: true, ...times }
    assert.ok(
      isLinearizable([...operations, found]),
      `no order explains the history of ${id}: ${JSON.stringify([...operations, found])}`,
    )
  }
}

/** Of each process the changes have numbers that increase: none is there twice. */
function needOncePerOrigin(units: readonly CommittedUnit[]): void {
  const last = new Map<string, number>()
  for (const { origin, seq } of units) {
    if (origin === undefined) continue
    const before = last.get(origin.process) ?? 0
    assert.ok(
      origin.number > before,
      `record ${seq} is change ${origin.number} of a process of which change ${before} was there before`,
    )
    last.set(origin.process, origin.number)
  }
}

const writtenBy = (entry: BatchMember): number | undefined => {
  if (!('metadata' in entry)) return undefined
  return (entry.metadata as { readonly value?: number } | null | undefined)?.value
}

/** What was acknowledged is in the log, whole and once; what was refused is not. */
function needCalls(events: readonly Event[], units: readonly CommittedUnit[]): void {
  const logged = new Map<number, number>()
  const keys = new Set<string>()
  for (const { entries } of units) {
    const data = [...dataEntries(entries)]
    const key = conditionsIn(entries).find((condition) => condition.key)?.key?.text
    // Where it was asked for more than once, it may stand there as often, and takes effect once.
    if (key !== undefined && keys.has(key)) continue
    if (key !== undefined) keys.add(key)
    const value = data[0] && writtenBy(data[0])
    if (value === undefined) continue
    assert.ok(!logged.has(value), `the change ${value} stands in the log twice`)
    logged.set(value, data.length)
  }
  for (const each of events) {
    if (each.event === 'shown' || each.call.kind === 'delete') continue
    const { ids, value } = each.call
    const count = logged.get(value)
    assert.ok(count === undefined || count === ids.length, `a part of the change ${value} stands in the log`)
    if (each.event === 'called') continue
    const text = `the change ${value} of ${ids}, which was answered with ${each.answer}`
    if (each.answer === 'done') assert.ok(count !== undefined, `${text}, is not in the log`)
    if (each.answer === 'not-logged') assert.ok(count === undefined, `${text}, is in the log`)
  }
}

/** Whatever a process has shown is the state after a beginning of the log, in its order. */
function needPrefixes(events: readonly Event[], units: readonly CommittedUnit[]): void {
  const prefixes = prefixesOf(units)
  const reached = new Map<number, number>()
  for (const each of events) {
    if (each.event !== 'shown') continue
    const from = reached.get(each.life) ?? 0
    const found = prefixes.indexOf(each.fingerprint, from)
    assert.ok(
      found >= 0,
      `process ${each.life} has shown a state that is not among the ${prefixes.length} of the log, behind ${from}`,
    )
    reached.set(each.life, found)
  }
}

/** The fingerprints after each beginning of the log. */
function prefixesOf(units: readonly CommittedUnit[]): string[] {
  const content = new Map<string, Value>()
  const decided: Decided = { seqs: new Map(), keys: new Set() }
  let sum = 0n
  const prefixes = [textOf(sum)]
  const itemOf = (id: string, from: ReadonlyMap<string, Value>): bigint => {
    const value = from.get(id)
    return value === undefined ? 0n : BigInt(`0x${fingerprintOf(new Map([[id, value]]))}`)
  }
  for (const { entries, seq } of units) {
    const changed = holds(entries, decided) ? changesOf(entries, content) : undefined
    if (changed) note(entries, changed.keys(), seq, decided)
    for (const [id, value] of changed ?? []) {
      sum -= itemOf(id, content)
      if (value === null) content.delete(id)
      else content.set(id, value)
      if (value === null) decided.seqs.delete(id)
      sum += itemOf(id, content)
    }
    prefixes.push(textOf(sum))
  }
  return prefixes
}

const textOf = (sum: bigint): string => BigInt.asUintN(128, sum).toString(16).padStart(32, '0')

/** What conditions are about. */
interface Decided {
  readonly seqs: Map<string, number>
  readonly keys: Set<string>
}

function conditionsIn(entries: readonly BatchMember[]): Condition[] {
  return entries.flatMap((entry) =>
    entry.type === 'batch' ? conditionsIn(entry.entries) : (conditionIn(entry) ?? []),
  )
}

/** Whether what a unit expects is so, and its key is new. */
function holds(entries: readonly BatchMember[], { seqs, keys }: Decided): boolean {
  return conditionsIn(entries).every(
    ({ expects, key }) =>
      !(key && keys.has(key.text)) && expects.every(({ id, seq }) => (seqs.get(id) ?? null) === seq),
  )
}

function note(
  entries: readonly BatchMember[],
  ids: Iterable<string>,
  seq: number,
  { seqs, keys }: Decided,
): void {
  for (const { key } of conditionsIn(entries)) if (key) keys.add(key.text)
  for (const id of ids) seqs.set(id, seq)
}

/** What a unit makes of each id; undefined where one of its entries is not possible. */
function changesOf(
  entries: readonly BatchMember[],
  content: ReadonlyMap<string, Value>,
): Map<string, Value | null> | undefined {
  const changed = new Map<string, Value | null>()
  for (const entry of dataEntries(entries)) {
    const before = changed.has(entry.id) ? changed.get(entry.id)! : (content.get(entry.id) ?? null)
    if (entry.type === 'delete') {
      changed.set(entry.id, null)
      continue
    }
    const isInsert = entry.type === 'insert'
    if (isInsert ? before !== null && !entry.replace : before === null) return undefined
    changed.set(entry.id, {
      vector: (entry.vector as Float32Array | undefined) ?? before!.vector,
      metadata:
        entry.metadata === undefined && !isInsert ? before!.metadata : JSON.stringify(entry.metadata ?? null),
    })
  }
  return changed
}
