import type { Builder } from './builder.js'
import type { Int, Pointer, Vector } from './term.js'

/**
 * to[column][row] = from[row][column] for `lanes` rows and, where it is given, `columns` < lanes columns.
 * Steps lead from one row to the next, in elements.
 */
export function copyTransposed(
  k: Builder,
  from: Pointer<'f32' | 'f16' | 'bf16'>,
  fromStep: Int,
  to: Pointer<'f32'>,
  toStep: number,
  columns: number = k.lanes,
): void {
  const mask = columns < k.lanes ? k.tail(columns) : undefined
  let row = from
  const rows = Array.from({ length: k.lanes }, (_, i) => {
    if (i > 0) row = row.at(fromStep)
    return k.load(row, mask)
  })
  transposeLanes(k, rows)
    .slice(0, columns)
    .forEach((vector, i) => k.store(to.at(i * toStep), vector))
}

/**
 * Vector i of the result holds lane i of every given one, in their order: a square of lanes × lanes,
 * transposed in log2(lanes) × lanes instructions.
 */
export function transposeLanes(k: Builder, rows: readonly Vector[]): Vector[] {
  const { lanes } = k
  if (lanes === 1) return [...rows]
  const groups = lanes / 4
  // The squares of 4 × 4: of rows 4q to 4q + 3, column j of each group.
  const quads = Array.from({ length: groups }, (_, q) => {
    const [a, b, c, d] = rows.slice(4 * q, 4 * q + 4) as [Vector, Vector, Vector, Vector]
    const [low, high] = [k.shuffle('low', a, b), k.shuffle('high', a, b)]
    const [lower, higher] = [k.shuffle('low', c, d), k.shuffle('high', c, d)]
    return [
      k.shuffle('lowPairs', low, lower),
      k.shuffle('highPairs', low, lower),
      k.shuffle('lowPairs', high, higher),
      k.shuffle('highPairs', high, higher),
    ]
  })
  // Then the groups, as elements of a square of groups × groups.
  const columns = [0, 1, 2, 3].map((j) =>
    transposeGroups(
      k,
      quads.map((quad) => quad[j]!),
    ),
  )
  return Array.from({ length: lanes }, (_, i) => columns[i % 4]![Math.floor(i / 4)]!)
}

/** Vector g of the result holds group g of every given one. */
function transposeGroups(k: Builder, vectors: readonly Vector[]): Vector[] {
  if (vectors.length === 1) return [...vectors]
  const half = vectors.length / 2
  const pairs = Array.from({ length: half }, (_, i) => [vectors[2 * i]!, vectors[2 * i + 1]!] as const)
  const even = transposeGroups(
    k,
    pairs.map(([a, b]) => k.shuffle('evenGroups', a, b)),
  )
  const odd = transposeGroups(
    k,
    pairs.map(([a, b]) => k.shuffle('oddGroups', a, b)),
  )
  return even.flatMap((vector, i) => [vector, odd[i]!])
}
