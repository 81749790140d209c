import assert from 'node:assert/strict'
import { dataEntries } from '../../src/index/durable/unit.ts'
import type { CommittedUnit } from '../../src/mod.ts'
import { fingerprintOf, type Value } from '../crash/index-model.ts'

const textOf = (sum: bigint): string => BigInt.asUintN(128, sum).toString(16).padStart(32, '0')

/**
 * The fingerprints after each beginning of a log, in their order: of changes that all have their
 * effect, and of entries that all have metadata.
 */
export async function prefixFingerprints(units: AsyncIterable<CommittedUnit>): Promise<string[]> {
  const content = new Map<string, Value>()
  let sum = 0n
  const prefixes = [textOf(sum)]
  const itemOf = (id: string): bigint => {
    const value = content.get(id)
    return value === undefined ? 0n : BigInt(`0x${fingerprintOf(new Map([[id, value]]))}`)
  }
  for await (const { entries } of units) {
    for (const change of dataEntries(entries)) {
      sum -= itemOf(change.id)
      if (change.type === 'delete') content.delete(change.id)
      else
        content.set(change.id, { vector: change.vector!, metadata: JSON.stringify(change.metadata ?? null) })
      sum += itemOf(change.id)
    }
    prefixes.push(textOf(sum))
  }
  return prefixes
}

/** Each state that was seen is that after a beginning of the log, and none goes back. */
export function assertPrefixes(seen: Iterable<string>, prefixes: readonly string[]): void {
  let at = 0
  for (const fingerprint of seen) {
    const found = prefixes.indexOf(fingerprint, at)
    assert.ok(
      found >= 0,
      `a state was shown that is not among the ${prefixes.length} of the log, behind ${at}`,
    )
    at = found
  }
}
