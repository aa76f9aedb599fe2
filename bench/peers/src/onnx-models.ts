/** Whole models as ONNX graphs: a sentence encoder, and one step of a decoder with its cache. */
import type { DecodeWork, EncoderWork, Inputs, Values } from '../../dist/peer.js'
import {
  type Attending,
  joinedRoles,
  layerConstants,
  layerNodes,
  type Maskable,
  sharedConstants,
  type Weights,
} from './onnx-layer.js'
import { constant, type Graph, indices, node, value } from './onnx.js'
import { blocksOf, isQuantized } from './quantize.js'

type Parameters = Readonly<Record<string, Values>>

/** The parameters whose names begin with `at`, without it. */
function under(parameters: Parameters, at: string): Weights {
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, given]) =>
      name.startsWith(at) ? [[name.slice(at.length), given] as const] : [],
    ),
  )
}

/** Input `ids` [batch, length] (int64), output `y` [batch, width]. */
export function encoderGraph(work: EncoderWork, parameters: Parameters, attending: Attending): Graph {
  const { width, length, batch } = work
  const states = encoderStates(work, parameters, attending)
  return {
    nodes: [
      words,
      node('Add', ['words', 'place'], ['placed']),
      ...states.nodes,
      node('ReduceMean', [states.result, 'overPositions'], ['mean'], { keepdims: 0 }),
      node('LpNormalization', ['mean'], ['y'], { axis: -1, p: 2 }),
    ],
    constants: [
      constant('place', [1, length, width], states.place.subarray(0, length * width)),
      ...sharedConstants(work, attending),
      indices('overPositions', 1),
      ...states.constants,
    ],
    inputs: [value('ids', [batch, length], 'int64')],
    outputs: [value('y', [batch, width])],
  }
}

/**
 * The same for texts of several lengths, any number of them and any length up to that of the position table. Inputs `ids` (int64) and
 * `real` (int32, 1 where a token stands, 0 where the row is filled up), both [batch, length]; output `y` [batch, width].
 */
export function paddedEncoderGraph(work: EncoderWork, parameters: Parameters, attending: Maskable): Graph {
  const { width } = work
  const states = encoderStates(work, parameters, attending, 'real')
  return {
    nodes: [
      words,
      node('Shape', ['ids'], ['length'], { start: 1, end: 2 }),
      node('Slice', ['places', 'first', 'length'], ['place']),
      node('Add', ['words', 'place'], ['placed']),
      ...states.nodes,
      // The sum is enough: its direction is the mean's.
      node('Cast', ['real'], ['share'], { to: 1 }),
      node('Unsqueeze', ['share', 'second'], ['shares']),
      node('MatMul', ['shares', states.result], ['sums']),
      node('Squeeze', ['sums', 'second'], ['sum']),
      node('LpNormalization', ['sum'], ['y'], { axis: -1, p: 2 }),
    ],
    constants: [
      constant('places', [states.place.length / width, width], states.place),
      indices('first', 0),
      indices('second', 1),
      ...states.constants,
    ],
    inputs: [value('ids', ['batch', 'length'], 'int64'), value('real', ['batch', 'length'], 'int32')],
    outputs: [value('y', ['batch', width])],
  }
}

const words = node('Gather', ['word', 'ids'], ['words'], { axis: 0 })

/** From `placed`, which is words and their places, to the last layer's states; and the table of places. */
function encoderStates(
  work: EncoderWork,
  parameters: Parameters,
  attending: Attending,
  mask?: string,
): { nodes: Uint8Array[]; constants: Uint8Array[]; place: Float32Array; result: string } {
  const { layers, width } = work
  const of = (name: string): Values => parameters[name]!
  // What an optimizer would fold: the position and the type are added to each other once.
  const type = of('type').values.subarray(0, width)
  const place = of('position').values.map((x, i) => x + type[i % width]!)
  const names = ['word', 'embeddingNormScale', 'embeddingNormShift']
  const nodes = [
    node('LayerNormalization', ['placed', 'embeddingNormScale', 'embeddingNormShift'], ['x0'], {
      epsilon: { float: 1e-12 },
      axis: -1,
    }),
  ]
  const constants = names.map((name) => constant(name, of(name).shape, of(name).values))
  for (let layer = 0; layer < layers; layer++) {
    const at = `layer${layer}.`
    constants.push(...layerConstants(at, under(parameters, at), attending))
    nodes.push(...layerNodes(at, `x${layer}`, `x${layer + 1}`, attending, work, mask))
  }
  return { nodes, constants, place, result: `x${layers}` }
}

/**
 * Inputs `ids` and `places` [1, new] (int64) and for each layer `pastN` [2, 1, head, past, width]; outputs `logits` [1, new, vocabulary]
 * and `presentN`.
 */
export function decoderGraph(
  { layers, width, heads, vocabulary, weights: format }: DecodeWork,
  { parameters }: Inputs['decode'],
): Graph {
  const of = (name: string): Values => parameters[name]!
  const constants: Uint8Array[] = [indices('first', 0)]
  const add = (name: string, { shape, values }: Values): string => {
    constants.push(constant(name, shape, values))
    return name
  }
  /** x · weight, [in, out], in the work's format. */
  const product = (from: string, name: string, weight: Values, to: string): Uint8Array => {
    if (!isQuantized(format)) return node('MatMul', [from, add(name, weight)], [to])
    const [k, n] = weight.shape as [number, number]
    const { codes, scales, bits } = blocksOf(weight.values, k, n, format)
    constants.push(
      constant(`${name}.codes`, [n, k / 32, 4 * bits], codes),
      constant(`${name}.scales`, [(n * k) / 32], scales),
    )
    return node('com.microsoft.MatMulNBits', [from, `${name}.codes`, `${name}.scales`], [to], {
      K: k,
      N: n,
      bits,
      block_size: 32,
      accuracy_level: 4,
    })
  }
  const vector = (name: string): string => add(name, of(name))
  const normInputs = (name: string): string[] => [vector(`${name}Scale`), vector(`${name}Shift`)]
  const epsilon = { epsilon: { float: 1e-5 } }
  /** The residual stream with `product` + bias added to it, and its norm. */
  const joined = (from: string, bias: string, residual: string, name: string, sum: string): Uint8Array =>
    node(
      'com.microsoft.SkipLayerNormalization',
      [from, residual, ...normInputs(name), vector(bias)],
      [`${sum}.normed`, '', '', sum],
      epsilon,
    )
  const nodes = [
    node('Gather', [vector('embedding'), 'ids'], ['token'], { axis: 0 }),
    node('Gather', [vector('position'), 'places'], ['place'], { axis: 0 }),
    node('Add', ['token', 'place'], ['x0']),
    node('LayerNormalization', ['x0', ...normInputs('layer0.attentionNorm')], ['x0.normed'], {
      ...epsilon,
      axis: -1,
    }),
  ]
  for (let layer = 0; layer < layers; layer++) {
    const at = `layer${layer}.`
    const x = `x${layer}`
    const { weight, bias } = joinedRoles(under(parameters, at))
    const next = layer + 1 < layers ? `layer${layer + 1}.attentionNorm` : 'norm'
    nodes.push(
      ...(isQuantized(format)
        ? quantizedAttention(at, x, heads, layer, product, weight, add(`${at}rolesBias`, bias))
        : [
            node(
              'com.microsoft.Attention',
              [
                `${x}.normed`,
                add(`${at}rolesWeight`, weight),
                add(`${at}rolesBias`, bias),
                '',
                `past${layer}`,
              ],
              [`${at}mixed`, `present${layer}`],
              { num_heads: heads, unidirectional: 1 },
            ),
          ]),
      product(`${at}mixed`, `${at}outputWeight`, of(`${at}outputWeight`), `${at}attended`),
      joined(`${at}attended`, `${at}outputBias`, x, `${at}norm`, `${at}middle`),
      product(`${at}middle.normed`, `${at}hiddenWeight`, of(`${at}hiddenWeight`), `${at}raised`),
      node('com.microsoft.FastGelu', [`${at}raised`, vector(`${at}hiddenBias`)], [`${at}inner`]),
      product(`${at}inner`, `${at}projectionWeight`, of(`${at}projectionWeight`), `${at}outer`),
      joined(`${at}outer`, `${at}projectionBias`, `${at}middle`, next, `x${layer + 1}`),
    )
  }
  const head = { shape: [width, vocabulary], values: transposed(of('embedding').values, vocabulary, width) }
  nodes.push(product(`x${layers}.normed`, 'head', head, 'logits'))
  const cache = [2, 1, heads]
  const each = Array.from({ length: layers }, (_, layer) => layer)
  return {
    nodes,
    constants,
    inputs: [
      value('ids', [1, 'new'], 'int64'),
      value('places', [1, 'new'], 'int64'),
      ...each.map((layer) => value(`past${layer}`, [...cache, 'past', width / heads])),
    ],
    outputs: [
      value('logits', [1, 'new', vocabulary]),
      ...each.map((layer) => value(`present${layer}`, [...cache, 'all', width / heads])),
    ],
  }
}

/** The fused operator has no quantized weights: its parts. */
function quantizedAttention(
  at: string,
  x: string,
  heads: number,
  layer: number,
  product: (from: string, name: string, weight: Values, to: string) => Uint8Array,
  weight: Values,
  bias: string,
): Uint8Array[] {
  const roles = ['query', 'key', 'value'].map((role) => `${at}${role}`)
  const [past, present] = ['past', 'present'].map((name) =>
    ['Key', 'Value'].map((role) => `${at}${name}${role}`),
  ) as [string[], string[]]
  return [
    product(`${x}.normed`, `${at}rolesWeight`, weight, `${at}roles`),
    node('Split', [`${at}roles`], roles, { axis: -1, num_outputs: 3 }),
    node(
      'Split',
      [`past${layer}`],
      past.map((name) => `${name}1`),
      { axis: 0, num_outputs: 2 },
    ),
    ...past.map((name) => node('Squeeze', [`${name}1`, 'first'], [name])),
    node('com.microsoft.MultiHeadAttention', [...roles, bias, '', '', ...past], [`${at}mixed`, ...present], {
      num_heads: heads,
      unidirectional: 1,
    }),
    ...present.map((name) => node('Unsqueeze', [name, 'first'], [`${name}1`])),
    node(
      'Concat',
      present.map((name) => `${name}1`),
      [`present${layer}`],
      { axis: 0 },
    ),
  ]
}

function transposed(given: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(given.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = given[i * columns + j]!
  return out
}
