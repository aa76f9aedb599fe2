/** What each work means, in plain f64 loops: what every engine is checked against. */
import type { Inputs, Kind, Work } from './peer.js'
import { erf } from './erf.js'
import { plainLosses } from './plain-train.js'

export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2))

type Floats = ArrayLike<number>

/** a (m × k) · b (k × n) + bias. */
export function matmul(a: Floats, b: Floats, m: number, k: number, n: number, bias?: Floats): Float64Array {
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = bias ? bias[j]! : 0
      for (let c = 0; c < k; c++) sum += a[i * k + c]! * b[c * n + j]!
      out[i * n + j] = sum
    }
  return out
}

function softmax(row: Float64Array): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity)
  const powers = row.map((x) => Math.exp(x - most))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((x) => x / sum)
}

type AttentionShape = { heads: number; length: number; width: number; causal: boolean }

/** The filter's row of one query: [length], zero where the mask forbids. */
function filterRow(work: AttentionShape, query: Floats, key: Floats, head: number, i: number): Float64Array {
  const { length, width, causal } = work
  const scores = new Float64Array(length).fill(-Infinity)
  for (let j = 0; j < (causal ? i + 1 : length); j++) {
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
  for (let j = 0; j < length; j++)
    for (let c = 0; c < width; c++) out[c]! += filter[j]! * inputs.value[(head * length + j) * width + c]!
  return out
}

function attention(
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
function attentionGradients(work: AttentionShape, inputs: Inputs['attention']): Float64Array[] {
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

function norm(row: Float64Array, scale: Floats, shift: Floats, epsilon: number): Float64Array {
  const mean = row.reduce((a, b) => a + b, 0) / row.length
  const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length
  return row.map((x, i) => ((x - mean) / Math.sqrt(variance + epsilon)) * scale[i]! + shift[i]!)
}

function eachRow(
  x: Float64Array,
  columns: number,
  change: (row: Float64Array) => Float64Array,
): Float64Array {
  const out = new Float64Array(x.length)
  for (let at = 0; at < x.length; at += columns) out.set(change(x.subarray(at, at + columns)), at)
  return out
}

function layer(work: Extract<Work, { kind: 'layer' }>, { x, weights }: Inputs['layer']): Float64Array {
  const { length, width, heads, hidden } = work
  const w = (name: keyof typeof weights): Float32Array => weights[name].values
  const headWidth = width / heads
  // [position, head, width] <-> [head, position, width]
  const split = (y: Float64Array): Float64Array =>
    y.map((_, at) => {
      const [head, i] = [Math.floor(at / (length * headWidth)), Math.floor(at / headWidth) % length]
      return y[i * width + head * headWidth + (at % headWidth)]!
    })
  const join = (y: Float64Array): Float64Array =>
    y.map((_, at) => {
      const [i, head] = [Math.floor(at / width), Math.floor((at % width) / headWidth)]
      return y[(head * length + i) * headWidth + (at % headWidth)]!
    })
  const [query, key, value] = (['query', 'key', 'value'] as const).map((name) =>
    split(matmul(x, w(`${name}Weight`), length, width, width, w(`${name}Bias`))),
  ) as [Float64Array, Float64Array, Float64Array]
  const mixed = join(attention({ heads, length, width: headWidth, causal: false }, { query, key, value }))
  const attended = matmul(mixed, w('outputWeight'), length, width, width, w('outputBias'))
  const middle = eachRow(
    attended.map((y, i) => y + x[i]!),
    width,
    (row) => norm(row, w('attentionNormScale'), w('attentionNormShift'), 1e-12),
  )
  const inner = matmul(middle, w('hiddenWeight'), length, width, hidden, w('hiddenBias')).map(gelu)
  const outer = matmul(inner, w('projectionWeight'), length, hidden, width, w('projectionBias'))
  return eachRow(
    outer.map((y, i) => y + middle[i]!),
    width,
    (row) => norm(row, w('normScale'), w('normShift'), 1e-12),
  )
}

/** Some consecutive rows of a `rows` work, from row `first` on. */
export function rowsOf(
  work: Extract<Work, { kind: 'rows' }>,
  inputs: Inputs['rows'],
  first: number,
  count: number,
): Float64Array {
  const { columns, operation } = work
  const part = (values: Float32Array): Float64Array =>
    Float64Array.from(values.subarray(first * columns, (first + count) * columns))
  const a = part(inputs.a)
  if (operation === 'add') {
    const b = part(inputs.b)
    return a.map((x, i) => x + b[i]!)
  }
  if (operation === 'gelu') return a.map(gelu)
  if (operation === 'softmax') return eachRow(a, columns, softmax)
  return eachRow(a, columns, (row) => norm(row, inputs.scale, inputs.shift, 1e-5))
}

/** The results of a whole work (small ones only: these are plain loops). For `train`, of `steps` steps. */
export function plain<K extends Kind>(
  work: Extract<Work, { kind: K }>,
  given: Inputs[K],
  steps: number,
): Floats[] {
  const one: Work = work
  const inputs: Inputs[Kind] = given
  switch (one.kind) {
    case 'matmul': {
      const { a, b } = inputs as Inputs['matmul']
      return [matmul(a, b, one.m, one.k, one.n)]
    }
    case 'attention':
      return one.gradient
        ? attentionGradients(one, inputs as Inputs['attention'])
        : [attention(one, inputs as Inputs['attention'])]
    case 'layer':
      return [layer(one, inputs as Inputs['layer'])]
    case 'train':
      return [plainLosses(one, inputs as Inputs['train'], steps)]
    case 'rows':
      return [rowsOf(one, inputs as Inputs['rows'], 0, one.rows)]
    case 'add': {
      const { a, b } = inputs as Inputs['add']
      return [a.map((x, i) => x + b[i]!)]
    }
  }
}
