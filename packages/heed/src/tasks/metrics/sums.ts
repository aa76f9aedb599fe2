import { UsageError } from '../../base/index.js'

/** Rows of numbers, added up: all of them, or those at these places, where one may come several times. */
export function summed(rows: readonly (readonly number[])[], places?: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(rows[0]?.length ?? 0)
  const count = places?.length ?? rows.length
  for (let at = 0; at < count; at++) {
    const row = rows[places === undefined ? at : places[at]!]!
    for (let i = 0; i < sums.length; i++) sums[i]! += row[i]!
  }
  return sums
}

/** Throws UsageError where there are not as many of both, or none, or nothing to compare a text with. */
export function checkPairs(
  operation: string,
  found: readonly unknown[],
  wanted: readonly (string | readonly unknown[])[],
): void {
  if (
    found.length > 0 &&
    found.length === wanted.length &&
    wanted.every((one) => typeof one === 'string' || one.length > 0)
  )
    return
  throw new UsageError({
    operation,
    expected: 'at least one text, and for each what it should be',
    found: `${found.length} and ${wanted.length}`,
    hint: 'give a text, or a list of texts, for each',
  })
}
