/** The same inputs for everybody, from fixed seeds. */
import type { Inputs, Kind, LayerWeight, Values, Work } from './peer.js'

/** mulberry32 (Tommy Ettinger, public domain): uniform in [-1, 1). */
function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1
  }
}

function floats(size: number, seed: number, scale = 1, offset = 0): Float32Array {
  const next = uniform(seed)
  const values = new Float32Array(size)
  for (let i = 0; i < size; i++) values[i] = next() * scale + offset
  return values
}

/** Whole numbers from 0 up to, but without, `below`. */
function wholes(size: number, seed: number, below: number): Int32Array {
  const next = uniform(seed)
  return Int32Array.from({ length: size }, () => Math.floor(((next() + 1) / 2) * below))
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1)

/** `tables`: names of look-up tables, whose scale does not depend on their length. */
function named<Name extends string>(
  shapes: Record<Name, number[]>,
  tables: readonly string[] = [],
): Record<Name, Values> {
  const out = {} as Record<Name, Values>
  let seed = 100
  for (const name in shapes) {
    const shape = shapes[name]
    const isScale = name.endsWith('Scale')
    const isMatrix = shape.length === 2 && !tables.includes(name)
    const scale = isScale ? 0.2 : isMatrix ? 1 / Math.sqrt(shape[0]!) : 0.1
    out[name] = { shape, values: floats(sizeOf(shape), seed++, scale, isScale ? 1 : 0) }
  }
  return out
}

/** An encoder layer's weights, all [in, out]. */
function layerShapes(width: number, hidden: number): Record<LayerWeight, number[]> {
  const square = [width, width]
  return {
    queryWeight: square,
    queryBias: [width],
    keyWeight: square,
    keyBias: [width],
    valueWeight: square,
    valueBias: [width],
    outputWeight: square,
    outputBias: [width],
    attentionNormScale: [width],
    attentionNormShift: [width],
    hiddenWeight: [width, hidden],
    hiddenBias: [hidden],
    projectionWeight: [hidden, width],
    projectionBias: [width],
    normScale: [width],
    normShift: [width],
  }
}

function stackShapes(layers: number, width: number, hidden: number): Record<string, number[]> {
  const shapes: Record<string, number[]> = {}
  for (let layer = 0; layer < layers; layer++)
    for (const [name, shape] of Object.entries(layerShapes(width, hidden)))
      shapes[`layer${layer}.${name}`] = shape
  return shapes
}

const makers: { [K in Kind]: (work: Extract<Work, { kind: K }>) => Inputs[K] } = {
  matmul: ({ m, k, n }) => ({ a: floats(m * k, 1), b: floats(k * n, 2) }),
  attention({ heads, length, width, gradient }) {
    const size = heads * length * width
    return {
      query: floats(size, 1, 2),
      key: floats(size, 2, 2),
      value: floats(size, 3),
      outputGradient: gradient ? floats(size, 4) : new Float32Array(0),
    }
  },
  layer: ({ length, width, hidden }) => ({
    x: floats(length * width, 1),
    weights: named<LayerWeight>(layerShapes(width, hidden)),
  }),
  train({ layers, width, context, vocabulary, batch }) {
    const shapes: Record<string, number[]> = { embedding: [vocabulary, width], position: [context, width] }
    for (let layer = 0; layer < layers; layer++) {
      const at = `layer${layer}.`
      shapes[`${at}attentionNormScale`] = [width]
      for (const name of ['query', 'key', 'value', 'output']) shapes[`${at}${name}Weight`] = [width, width]
      shapes[`${at}hiddenNormScale`] = [width]
      shapes[`${at}hiddenWeight`] = [width, 4 * width]
      shapes[`${at}projectionWeight`] = [4 * width, width]
    }
    shapes['normScale'] = [width]
    const batches = [1, 2, 3, 4].map((seed) => wholes(batch * (context + 1), seed, vocabulary))
    return { parameters: named(shapes), batches }
  },
  rows: ({ rows, columns, operation }) => ({
    a: floats(rows * columns, 1, 3),
    b: operation === 'add' ? floats(rows * columns, 2) : new Float32Array(0),
    scale: floats(columns, 3, 0.2, 1),
    shift: floats(columns, 4, 0.2),
  }),
  add: ({ size }) => ({ a: floats(size, 1), b: floats(size, 2) }),
  encoder({ layers, width, hidden, vocabulary, length, batch }) {
    const parameters = named(
      {
        word: [vocabulary, width],
        position: [length, width],
        type: [2, width],
        embeddingNormScale: [width],
        embeddingNormShift: [width],
        ...stackShapes(layers, width, hidden),
      },
      ['word', 'position', 'type'],
    )
    return { parameters, ids: wholes(batch * length, 1, vocabulary) }
  },
  decode({ layers, width, vocabulary, prompt, tokens }) {
    const parameters = named(
      {
        embedding: [vocabulary, width],
        position: [prompt + tokens, width],
        ...stackShapes(layers, width, 4 * width),
        normScale: [width],
        normShift: [width],
      },
      ['embedding', 'position'],
    )
    return { parameters, ids: wholes(prompt + 1, 1, vocabulary) }
  },
}

export function inputsOf<K extends Kind>(work: Extract<Work, { kind: K }>): Inputs[K] {
  return (makers[work.kind] as (work: Work) => Inputs[K])(work)
}
