/** What each work means, in plain f64 loops: what every engine is checked against. */
import type { Inputs, Kind, Work } from './peer.js'
import { plainEncoder, plainLayer, plainLogits } from './plain-model.js'
import {
  attention,
  attentionGradients,
  eachRow,
  type Floats,
  gelu,
  matmul,
  norm,
  softmax,
} from './plain-steps.js'
import { plainLosses } from './plain-train.js'

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
      return [plainLayer(one, inputs as Inputs['layer'])]
    case 'train':
      return [plainLosses(one, inputs as Inputs['train'], steps)]
    case 'rows':
      return [rowsOf(one, inputs as Inputs['rows'], 0, one.rows)]
    case 'add': {
      const { a, b } = inputs as Inputs['add']
      return [a.map((x, i) => x + b[i]!)]
    }
    case 'encoder':
      return [plainEncoder(one, inputs as Inputs['encoder'])]
    case 'decode':
      return [plainLogits(one, inputs as Inputs['decode'])]
  }
}
