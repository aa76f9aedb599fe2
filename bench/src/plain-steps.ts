/** The steps that works are made of, in plain f64 loops. */
import type { Inputs } from './peer.js'
import { erf } from './erf.js'

export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2))

export type Floats = ArrayLike<number>

/** a (m × k) · b (k × n) + bias. */
export function matmul(a: Floats, b: Floats, m: number, k: number, n: number, bias?: Floats): Float64Array {
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    const row = out.subarray(i * n, (i + 1) * n)
    if (bias) row.set(bias)
    for (let c = 0; c < k; c++) {
      const factor = a[i * k + c]!
      const at = c * n
      for (let j = 0; j < n; j++) row[j]! += factor * b[at + j]!
    }
  }
  return out
}

export function softmax(row: Float64Array): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity)
  const powers = row.map((x) => Math.exp(x - most))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((x) => x / sum)
}

export type AttentionShape = {
  heads: number
  length: number
  width: number
  causal: boolean
  window?: number
}

/** The filter's row of one query: [length], zero where the mask forbids. */
function filterRow(work: AttentionShape, query: Floats, key: Floats, head: number, i: number): Float64Array {
  const { length, width, causal, window = length } = work
  const scores = new Float64Array(length).fill(-Infinity)
  for (let j = Math.max(0, causal ? i + 1 - window : 0); j < (causal ? i + 1 : length); j++) {
    let sum = 0
    for (let c = 0; c < width; c++)
      sum += query[(head * length + i) * width + c]! * key[(head * length + j) * width + c]!
    scores[j] = sum / Math.sqrt(width)
  }
  return softmax(scores)
}

/** One row of attention's output: [width]. */
export function attentionRow(
  work: AttentionShape,
  inputs: { query: Floats; key: Floats; value: Floats },
  head: number,
  i: number,
): Float64Array {
  const { length, width } = work
  const filter = filterRow(work, inputs.query, inputs.key, head, i)
  const out = new Float64Array(width)
  for (let j = 0; j < length; j++) {
    if (filter[j] === 0) continue
    for (let c = 0; c < width; c++) out[c]! += filter[j]! * inputs.value[(head * length + j) * width + c]!
  }
  return out
}

export function attention(
  work: AttentionShape,
  inputs: { query: Floats; key: Floats; value: Floats },
): Float64Array {
  const { heads, length, width } = work
  const out = new Float64Array(heads * length * width)
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < length; i++) out.set(attentionRow(work, inputs, head, i), (head * length + i) * width)
  return out
}

/** The gradients of Σ output × outputGradient by query, key and value. */
export function attentionGradients(work: AttentionShape, inputs: Inputs['attention']): Float64Array[] {
  const { heads, length, width } = work
  const { query, key, value, outputGradient } = inputs
  const [dQuery, dKey, dValue] = [0, 1, 2].map(() => new Float64Array(heads * length * width)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < length; i++) {
      const filter = filterRow(work, query, key, head, i)
      const at = (head * length + i) * width
      const dFilter = filter.map((_, j) => {
        let sum = 0
        for (let c = 0; c < width; c++)
          sum += outputGradient[at + c]! * value[(head * length + j) * width + c]!
        return sum
      })
      const mean = filter.reduce((sum, f, j) => sum + f * dFilter[j]!, 0)
      for (let j = 0; j < length; j++) {
        const other = (head * length + j) * width
        const dScore = (filter[j]! * (dFilter[j]! - mean)) / Math.sqrt(width)
        for (let c = 0; c < width; c++) {
          dQuery[at + c]! += dScore * key[other + c]!
          dKey[other + c]! += dScore * query[at + c]!
          dValue[other + c]! += filter[j]! * outputGradient[at + c]!
        }
      }
    }
  return [dQuery, dKey, dValue]
}

export function norm(row: Float64Array, scale: Floats, shift: Floats, epsilon: number): Float64Array {
  const mean = row.reduce((a, b) => a + b, 0) / row.length
  const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length
  return row.map((x, i) => ((x - mean) / Math.sqrt(variance + epsilon)) * scale[i]! + shift[i]!)
}

export function eachRow(
  x: Float64Array,
  columns: number,
  change: (row: Float64Array) => Float64Array,
): Float64Array {
  const out = new Float64Array(x.length)
  for (let at = 0; at < x.length; at += columns) out.set(change(x.subarray(at, at + columns)), at)
  return out
}
