/**
 * A smaller list that still fails: parts are left out, large ones first, as long as what remains
 * fails (Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). `fails` is
 * called at most `maxTries` times. The given list must fail.
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  maxTries: number,
): Promise<readonly T[]> {
  let kept = items
  let tries = 0
  for (let part = Math.ceil(kept.length / 2); part > 0; part = part > 1 ? Math.ceil(part / 2) : 0) {
    for (let from = 0; from < kept.length && tries < maxTries; ) {
      const without = [...kept.slice(0, from), ...kept.slice(from + part)]
      tries++
      if (await fails(without)) kept = without
      else from += part
    }
  }
  return kept
}
