import type { Damage, SequenceRange } from '../../entry.ts'
import { damageIn } from '../damage.ts'

/** As many places are told one by one. */
const MAX_PLACES = 10_000

/**
 * Damages as they are told: the first 10,000 each for itself, those behind them together, one for
 * each file and answer to whether they were acknowledged. So a file of nothing but bad places takes
 * no more memory, and no longer a text, than one with some.
 */
export class DamageList {
  readonly #single: Damage[] = []
  readonly #merged = new Map<string, Merged>()

  add(damage: Damage): void {
    if (this.#single.length < MAX_PLACES) {
      this.#single.push(damage)
      return
    }
    const key = `${damage.acknowledged} ${damage.file}`
    const merged = this.#merged.get(key)
    if (merged === undefined)
      this.#merged.set(key, { first: damage, last: damage, count: 1, seqs: damage.seqs })
    else
      this.#merged.set(key, {
        ...merged,
        last: damage,
        count: merged.count + 1,
        seqs: span(merged.seqs, damage.seqs),
      })
  }

  all(): Damage[] {
    return [...this.#single, ...[...this.#merged.values()].map(damageOfAll)]
  }
}

interface Merged {
  readonly first: Damage
  readonly last: Damage
  readonly count: number
  readonly seqs: readonly SequenceRange[]
}

/** From where the first begins to where the last ends, with what lies between them. */
function span(some: readonly SequenceRange[], more: readonly SequenceRange[]): readonly SequenceRange[] {
  const [first] = some
  const [next] = more
  if (first === undefined || next === undefined) return first === undefined ? more : some
  const through = first.through === null || next.through === null ? null : larger(first.through, next.through)
  return [{ from: smaller(first.from, next.from), through }]
}

// Of numbers or bigints, which Math.min does not take.
const smaller = <T extends number | bigint>(one: T, other: T): T => (one < other ? one : other)
const larger = <T extends number | bigint>(one: T, other: T): T => (one > other ? one : other)

function damageOfAll({ first, last, count, seqs }: Merged): Damage {
  if (count === 1) return first
  const { kind, file, offset, acknowledged } = first
  const bytes = last.offset + last.bytes - offset
  const detail = `${file} at offset ${offset}: ${count} more places in the ${bytes} bytes from here on are damaged too.${
    seqs.length === 0
      ? ''
      : ' Not every record between the first and the last of those that are named need be lost.'
  }`
  return damageIn({ kind, file, offset, bytes, acknowledged, seqs, detail })
}
