/** Whole layers and models, in plain f64. */
import type { DecodeWork, EncoderWork, Inputs, LayerWeight, LayerWork, Values } from './peer.js'
import { attention, eachRow, type Floats, gelu, matmul, norm } from './plain-steps.js'

type Weights = (name: LayerWeight) => Float32Array
type Shape = { length: number; width: number; heads: number; hidden: number }

const sum = (a: Float64Array, b: Floats): Float64Array => a.map((x, i) => x + b[i]!)

/** x (length × in) · weight + bias. */
function linear(x: Floats, length: number, w: Weights, name: string, out: number): Float64Array {
  const weight = w(`${name}Weight` as LayerWeight)
  return matmul(x, weight, length, weight.length / out, out, w(`${name}Bias` as LayerWeight))
}

const normed = (x: Float64Array, width: number, w: Weights, name: string, epsilon: number): Float64Array => {
  const [scale, shift] = [w(`${name}Scale` as LayerWeight), w(`${name}Shift` as LayerWeight)]
  return eachRow(x, width, (row) => norm(row, scale, shift, epsilon))
}

/** Attention with its four projections. */
function attend(x: Floats, { length, width, heads }: Shape, w: Weights, causal: boolean): Float64Array {
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
  const [query, key, value] = ['query', 'key', 'value'].map((name) =>
    split(linear(x, length, w, name, width)),
  ) as [Float64Array, Float64Array, Float64Array]
  const mixed = join(attention({ heads, length, width: headWidth, causal }, { query, key, value }))
  return linear(mixed, length, w, 'output', width)
}

function feedForward(
  x: Floats,
  { length, width, hidden }: Shape,
  w: Weights,
  activation: (x: number) => number,
): Float64Array {
  const inner = linear(x, length, w, 'hidden', hidden).map(activation)
  return linear(inner, length, w, 'projection', width)
}

/** BERT's layer: norm(x + layer(x)), twice. */
function postNormLayer(x: Floats, shape: Shape, w: Weights): Float64Array {
  const middle = normed(sum(attend(x, shape, w, false), x), shape.width, w, 'attentionNorm', 1e-12)
  return normed(sum(feedForward(middle, shape, w, gelu), middle), shape.width, w, 'norm', 1e-12)
}

export function plainLayer(work: LayerWork, { x, weights }: Inputs['layer']): Float64Array {
  return postNormLayer(x, work, (name) => weights[name].values)
}

const weightsOf =
  (parameters: Record<string, Values>, layer: number): Weights =>
  (name) =>
    parameters[`layer${layer}.${name}`]!.values

/** Some row of a table. */
const rowOf = (table: Floats, row: number, width: number): Float64Array =>
  Float64Array.from({ length: width }, (_, i) => table[row * width + i]!)

export function plainEncoder(work: EncoderWork, { parameters, ids }: Inputs['encoder']): Float64Array {
  const { layers, width, length, batch } = work
  const of = (name: string): Float32Array => parameters[name]!.values
  const out = new Float64Array(batch * width)
  for (let sentence = 0; sentence < batch; sentence++) {
    let x: Float64Array = new Float64Array(length * width)
    for (let i = 0; i < length; i++) {
      const word = rowOf(of('word'), ids[sentence * length + i]!, width)
      x.set(sum(sum(word, rowOf(of('position'), i, width)), of('type').subarray(0, width)), i * width)
    }
    x = eachRow(x, width, (row) => norm(row, of('embeddingNormScale'), of('embeddingNormShift'), 1e-12))
    for (let layer = 0; layer < layers; layer++) x = postNormLayer(x, work, weightsOf(parameters, layer))
    const mean = new Float64Array(width)
    for (let at = 0; at < x.length; at++) mean[at % width]! += x[at]! / length
    const size = Math.hypot(...mean)
    out.set(
      mean.map((value) => value / size),
      sentence * width,
    )
  }
  return out
}

/** GELU by tanh (Hendrycks and Gimpel 2016), as GPT-2 has it. */
const geluTanh = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

/** The logits after all the ids. */
export function plainLogits(work: DecodeWork, { parameters, ids }: Inputs['decode']): Float64Array {
  const { layers, width, heads, vocabulary } = work
  const of = (name: string): Float32Array => parameters[name]!.values
  const length = ids.length
  const shape: Shape = { length, width, heads, hidden: 4 * width }
  let x: Float64Array = new Float64Array(length * width)
  for (let i = 0; i < length; i++)
    x.set(sum(rowOf(of('embedding'), ids[i]!, width), rowOf(of('position'), i, width)), i * width)
  for (let layer = 0; layer < layers; layer++) {
    const w = weightsOf(parameters, layer)
    x = sum(x, attend(normed(x, width, w, 'attentionNorm', 1e-5), shape, w, true))
    x = sum(x, feedForward(normed(x, width, w, 'norm', 1e-5), shape, w, geluTanh))
  }
  const last = norm(x.subarray((length - 1) * width), of('normScale'), of('normShift'), 1e-5)
  const embedding = of('embedding')
  return Float64Array.from({ length: vocabulary }, (_, id) => {
    let logit = 0
    for (let i = 0; i < width; i++) logit += last[i]! * embedding[id * width + i]!
    return logit
  })
}
