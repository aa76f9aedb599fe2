/** A table of embeddings as a narrower one and a projection (Lan et al. 2020, "ALBERT", section 3.1). */
import { solvePositive, symmetricEigenvectors } from '../../base/index.js'

/** What stands before an encoder's first layer, as numbers row by row. */
export interface EmbeddingTables {
  readonly width: number
  readonly tokens: Float32Array
  readonly positions: Float32Array
  readonly types: Float32Array
  /** Of the norm. */
  readonly weight: Float32Array
  readonly bias: Float32Array
  readonly epsilon: number
}

/** The same in fewer numbers: sums of narrow rows are normed, then projected. */
export interface NarrowTables {
  readonly tokens: Float32Array
  readonly positions: Float32Array
  readonly types: Float32Array
  /** narrow × width numbers. */
  readonly projection: Float32Array
  readonly bias: Float32Array
  /** The share of what the norm gives for the samples, around its bias, that the narrow tables keep. */
  readonly kept: number
}

/** Where a token stands in a text. */
export interface PlacedToken {
  readonly token: number
  readonly position: number
}

/**
 * Narrow tables that give nearly what the wide ones give for these tokens at these positions.
 *
 * The directions are the principal ones of what the norm gives there, around its bias. They are laid so that
 * a narrow sum has the mean 0, which leaves the narrow norm only the length to divide by. The projection is
 * then the least squares fit of what the norm gives from what the narrow norm gives.
 *
 * @param narrow numbers of a narrow row, at least 2 and less than the width
 */
export function factorizeEmbedding(
  tables: EmbeddingTables,
  narrow: number,
  samples: readonly PlacedToken[],
): NarrowTables {
  const { width, tokens, positions, types, weight, bias } = tables
  const wanted = samples.map((place) => normed(sumAt(tables, place), tables))
  const products = gram(wanted, width)
  const { values, vectors } = symmetricEigenvectors(products, width)
  const directions = narrow - 1
  let [some, all] = [0, 0]
  values.forEach((value, i) => {
    all += value
    if (i < directions) some += value
  })
  // From a wide row, less its mean and by the norm's weight, to places along the directions, laid across the
  // ones.
  const laid = acrossOnes(narrow)
  const map = new Float64Array(narrow * width)
  for (let to = 0; to < narrow; to++)
    for (let d = 0; d < directions; d++) {
      const turn = laid[d * narrow + to]!
      for (let from = 0; from < width; from++)
        map[to * width + from]! += turn * vectors[d * width + from]! * weight[from]!
    }
  for (let to = 0; to < narrow; to++) {
    let mean = 0
    for (let from = 0; from < width; from++) mean += map[to * width + from]! / width
    for (let from = 0; from < width; from++) map[to * width + from]! -= mean
  }
  const small = {
    ...tables,
    width: narrow,
    tokens: mapped(tokens, map, width, narrow),
    positions: mapped(positions, map, width, narrow),
    types: mapped(types, map, width, narrow),
    weight: new Float32Array(narrow).fill(1),
    bias: new Float32Array(narrow),
  }
  const features = samples.map((place) => {
    const row = new Float64Array(narrow + 1)
    row.set(normed(sumAt(small, place), small))
    row[narrow] = 1
    return row
  })
  const size = narrow + 1
  const squares = gram(features, size)
  let trace = 0
  for (let i = 0; i < size; i++) trace += squares[i * size + i]!
  // The narrow norm's results sum to 0: without this the last direction would be free.
  for (let i = 0; i < size; i++) squares[i * size + i]! += (1e-6 * trace) / size
  const right = new Float64Array(size * width)
  features.forEach((row, n) => {
    const target = wanted[n]!
    for (let i = 0; i < size; i++)
      for (let j = 0; j < width; j++) right[i * width + j]! += row[i]! * target[j]!
  })
  const solved = solvePositive(squares, right, size, width)
  return {
    tokens: small.tokens,
    positions: small.positions,
    types: small.types,
    projection: Float32Array.from(solved.subarray(0, narrow * width)),
    bias: Float32Array.from(solved.subarray(narrow * width), (value, i) => value + bias[i]!),
    kept: all > 0 ? some / all : 1,
  }
}

/** The sum of a token's rows. */
function sumAt(
  { width, tokens, positions, types }: EmbeddingTables,
  { token, position }: PlacedToken,
): Float64Array {
  return Float64Array.from(
    { length: width },
    (_, i) => tokens[token * width + i]! + positions[position * width + i]! + types[i]!,
  )
}

/** What a layer norm gives, less its bias. */
function normed(row: Float64Array, { weight, epsilon }: EmbeddingTables): Float64Array {
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length
  const factor = 1 / Math.sqrt(variance + epsilon)
  return row.map((value, i) => (value - mean) * factor * weight[i]!)
}

/** Σ row × rowᵀ. */
function gram(rows: readonly Float64Array[], size: number): Float64Array {
  const sum = new Float64Array(size * size)
  for (const row of rows)
    for (let i = 0; i < size; i++) {
      const value = row[i]!
      for (let j = 0; j <= i; j++) sum[i * size + j]! += value * row[j]!
    }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) sum[j * size + i] = sum[i * size + j]!
  return sum
}

/** size − 1 rows of `size` numbers, of length 1 and across each other, each with the sum 0 (Helmert). */
function acrossOnes(size: number): Float64Array {
  const rows = new Float64Array((size - 1) * size)
  for (let row = 0; row < size - 1; row++) {
    const length = Math.sqrt((row + 1) * (row + 2))
    for (let i = 0; i <= row; i++) rows[row * size + i] = 1 / length
    rows[row * size + row + 1] = -(row + 1) / length
  }
  return rows
}

function mapped(rows: Float32Array, map: Float64Array, from: number, to: number): Float32Array {
  const count = rows.length / from
  const made = new Float32Array(count * to)
  for (let row = 0; row < count; row++)
    for (let j = 0; j < to; j++) {
      let sum = 0
      for (let i = 0; i < from; i++) sum += map[j * from + i]! * rows[row * from + i]!
      made[row * to + j] = sum
    }
  return made
}
