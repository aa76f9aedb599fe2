/** Layers of transformers as ONNX nodes, with the fused operators that ONNX Runtime has for them. */
import type { Values } from '../../dist/peer.js'
import { constant, indices, node, type Attribute } from './onnx.js'

export type Weights = Readonly<Record<string, Values>>
export type LayerSizes = { length: number; width: number; heads: number; batch: number }

/** [in, out] of query, key and value side by side: [in, 3 × out]; and their biases. */
export function joinedRoles(weights: Weights): { weight: Values; bias: Values } {
  const parts = ['query', 'key', 'value'].map((role) => weights[`${role}Weight`]!)
  const [rows, columns] = parts[0]!.shape as [number, number]
  const weight = new Float32Array(rows * 3 * columns)
  const bias = new Float32Array(3 * columns)
  parts.forEach(({ values }, part) => {
    for (let row = 0; row < rows; row++)
      weight.set(values.subarray(row * columns, (row + 1) * columns), (row * 3 + part) * columns)
  })
  ;['query', 'key', 'value'].forEach((role, part) => bias.set(weights[`${role}Bias`]!.values, part * columns))
  return {
    weight: { shape: [rows, 3 * columns], values: weight },
    bias: { shape: [3 * columns], values: bias },
  }
}

export type Attending = 'Attention' | 'MultiHeadAttention' | 'Attention (ONNX 23)' | 'MatMul, Softmax, MatMul'
export const attendings: readonly Attending[] = [
  'Attention',
  'MultiHeadAttention',
  'Attention (ONNX 23)',
  'MatMul, Softmax, MatMul',
]

const roles = ['query', 'key', 'value'] as const

/** Constants that every layer uses. */
export function sharedConstants(
  { batch, length, width, heads }: LayerSizes,
  attending: Attending,
): Uint8Array[] {
  if (attending !== 'MatMul, Softmax, MatMul') return []
  return [indices('headed', batch, length, heads, width / heads), indices('joined', batch, length, width)]
}

/** A layer's weights, named `at` and their own name. */
export function layerConstants(at: string, weights: Weights, attending: Attending): Uint8Array[] {
  const joined = attending === 'Attention'
  const own = Object.entries(weights).filter(([name]) => !joined || !/^(query|key|value)/.test(name))
  const constants = own.map(([name, { shape, values }]) => constant(`${at}${name}`, shape, values))
  if (joined) {
    const { weight, bias } = joinedRoles(weights)
    constants.push(constant(`${at}rolesWeight`, weight.shape, weight.values))
    constants.push(constant(`${at}rolesBias`, bias.shape, bias.values))
  }
  return constants
}

/** Those that take a mask of the keys that are there. */
export type Maskable = Extract<Attending, 'Attention' | 'MultiHeadAttention'>
export const maskable: readonly Maskable[] = ['Attention', 'MultiHeadAttention']

/**
 * BERT's layer on [batch, length, width]. `mask` is the name of an int32 input [batch, length], 1 where a token stands; only with an
 * `attending` of `maskable`.
 */
export function layerNodes(
  at: string,
  input: string,
  output: string,
  attending: Attending,
  { width, heads }: Pick<LayerSizes, 'width' | 'heads'>,
  mask?: string,
): Uint8Array[] {
  const own = (name: string): string => `${at}${name}`
  const linear = (from: string, name: string, to: string): Uint8Array[] => [
    node('MatMul', [from, own(`${name}Weight`)], [own(`${name}Product`)]),
    node('Add', [own(`${name}Product`), own(`${name}Bias`)], [to]),
  ]
  /** norm(product + bias + residual) */
  const joined = (product: string, bias: string, residual: string, name: string, to: string): Uint8Array =>
    node(
      'com.microsoft.SkipLayerNormalization',
      [product, residual, own(`${name}Scale`), own(`${name}Shift`), own(bias)],
      [to],
      { epsilon: { float: 1e-12 } },
    )
  const attend = (operation: string, attributes: Record<string, Attribute>): Uint8Array[] => [
    ...roles.flatMap((role) => linear(input, role, own(role))),
    node(
      operation,
      [...roles.map(own), ...(mask === undefined ? [] : ['', mask])],
      [own('mixed')],
      attributes,
    ),
  ]
  const split = (role: string, order: number[]): Uint8Array[] => [
    ...linear(input, role, own(role)),
    node('Reshape', [own(role), 'headed'], [own(`${role}Headed`)]),
    node('Transpose', [own(`${role}Headed`)], [own(`${role}Split`)], { perm: order }),
  ]
  const mixing = (): Uint8Array[] => {
    switch (attending) {
      case 'Attention':
        return [
          node(
            'com.microsoft.Attention',
            [input, own('rolesWeight'), own('rolesBias'), ...(mask === undefined ? [] : [mask])],
            [own('mixed')],
            { num_heads: heads },
          ),
        ]
      case 'MultiHeadAttention':
        return attend('com.microsoft.MultiHeadAttention', { num_heads: heads })
      case 'Attention (ONNX 23)':
        return attend('Attention', { q_num_heads: heads, kv_num_heads: heads })
      case 'MatMul, Softmax, MatMul':
        return [
          ...split('query', [0, 2, 1, 3]),
          ...split('key', [0, 2, 3, 1]),
          ...split('value', [0, 2, 1, 3]),
          node('com.microsoft.FusedMatMul', [own('querySplit'), own('keySplit')], [own('scores')], {
            alpha: { float: Math.sqrt(heads / width) },
          }),
          node('Softmax', [own('scores')], [own('filter')], { axis: -1 }),
          node('MatMul', [own('filter'), own('valueSplit')], [own('mixedSplit')]),
          node('Transpose', [own('mixedSplit')], [own('mixedHeaded')], { perm: [0, 2, 1, 3] }),
          node('Reshape', [own('mixedHeaded'), 'joined'], [own('mixed')]),
        ]
    }
  }
  return [
    ...mixing(),
    node('MatMul', [own('mixed'), own('outputWeight')], [own('attended')]),
    joined(own('attended'), 'outputBias', input, 'attentionNorm', own('middle')),
    node('MatMul', [own('middle'), own('hiddenWeight')], [own('hiddenProduct')]),
    node('com.microsoft.BiasGelu', [own('hiddenProduct'), own('hiddenBias')], [own('inner')]),
    node('MatMul', [own('inner'), own('projectionWeight')], [own('outer')]),
    joined(own('outer'), 'projectionBias', own('middle'), 'norm', output),
  ]
}
