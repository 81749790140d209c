/**
 * The name nearest to a mistyped one, if any is near: one or two letters changed, added or left
 * out.
 */
export function suggest(typed: string, names: readonly string[]): string | undefined {
  const allowed = typed.length < 4 ? 1 : 2
  const near = names
    .filter((name) => Math.abs(name.length - typed.length) <= allowed)
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .filter(({ distance }) => distance <= allowed)
  return near.sort((a, b) => a.distance - b.distance)[0]?.name
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
