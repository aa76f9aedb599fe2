/** The works' names, inputs, sizes for the check, and how much of what they do. */
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

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, n) => size * n, 1)

function named<Name extends string>(shapes: Record<Name, number[]>): Record<Name, Values> {
  const out = {} as Record<Name, Values>
  let seed = 100
  for (const name in shapes) {
    const shape = shapes[name]
    const isScale = name.endsWith('Scale')
    const scale = isScale ? 0.2 : shape.length === 2 ? 1 / Math.sqrt(shape[0]!) : 0.1
    out[name] = { shape, values: floats(sizeOf(shape), seed++, scale, isScale ? 1 : 0) }
  }
  return out
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
  layer({ length, width, hidden }) {
    const square = [width, width]
    const weights = named<LayerWeight>({
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
    })
    return { x: floats(length * width, 1), weights }
  },
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
    const parameters = named(shapes)
    const batches = [1, 2, 3, 4].map((seed) => {
      const next = uniform(seed)
      return Int32Array.from({ length: batch * (context + 1) }, () =>
        Math.floor(((next() + 1) / 2) * vocabulary),
      )
    })
    return { parameters, batches }
  },
  rows: ({ rows, columns, operation }) => ({
    a: floats(rows * columns, 1, 3),
    b: operation === 'add' ? floats(rows * columns, 2) : new Float32Array(0),
    scale: floats(columns, 3, 0.2, 1),
    shift: floats(columns, 4, 0.2),
  }),
  add: ({ size }) => ({ a: floats(size, 1), b: floats(size, 2) }),
}

/** The same inputs for everybody, from fixed seeds. */
export function inputsOf<K extends Kind>(work: Extract<Work, { kind: K }>): Inputs[K] {
  return (makers[work.kind] as (work: Work) => Inputs[K])(work)
}

/** The small work that is checked in full before `work` is timed. */
export function smallOf(work: Work): Work {
  switch (work.kind) {
    case 'matmul':
      return { kind: 'matmul', m: Math.min(work.m, 37), k: Math.min(work.k, 61), n: Math.min(work.n, 53) }
    case 'attention':
      return { ...work, heads: 2, length: 37 }
    case 'layer':
      return { kind: 'layer', length: 9, width: 64, heads: 4, hidden: 96 }
    case 'train':
      return { kind: 'train', layers: 1, width: 8, heads: 2, context: 4, vocabulary: 7, batch: 2 }
    case 'rows':
      return { ...work, rows: 5 }
    case 'add':
      return work
  }
}

export function nameOf(work: Work): string {
  switch (work.kind) {
    case 'matmul':
      return `matmul ${work.m}×${work.k}×${work.n}`
    case 'attention': {
      const pass = work.gradient ? 'forward+backward' : 'forward'
      return `attention ${work.heads}×${work.width}, length ${work.length}, ${work.causal ? 'causal' : 'full'}, ${pass}`
    }
    case 'layer':
      return `BERT-base layer, length ${work.length}`
    case 'train':
      return `character model ${work.layers}×${work.width}, context ${work.context}, batch ${work.batch}`
    case 'rows':
      return `${work.operation} ${work.rows}×${work.columns}`
    case 'add':
      return `add of ${work.size} floats`
  }
}

/**
 * The least amount that a work takes: floating-point operations (a multiply-add counts two; exp and its like,
 * norms and biases not counted), bytes for `rows` (each input read once, each output written once), calls for `add`.
 */
export function amountOf(work: Work): number {
  switch (work.kind) {
    case 'matmul':
      return 2 * work.m * work.k * work.n
    case 'attention': {
      const { heads, length, width } = work
      const pairs = work.causal ? (length * (length + 1)) / 2 : length * length
      // Forward: 2 products; backward: 5 (the scores again, and the gradients by filter, query, key, value).
      return (work.gradient ? 7 : 2) * 2 * heads * pairs * width
    }
    case 'layer': {
      const { length, width, hidden } = work
      return 2 * length * (4 * width * width + 2 * width * hidden) + 4 * length * length * width
    }
    case 'train': {
      const { layers, width, context, vocabulary, batch } = work
      const tokens = batch * context
      const dense = 2 * tokens * (layers * 12 * width * width + vocabulary * width)
      const attention = layers * batch * 4 * ((context * (context + 1)) / 2) * width
      return 3 * dense + 3.5 * attention
    }
    case 'rows':
      return 4 * work.rows * work.columns * (work.operation === 'add' ? 3 : 2)
    case 'add':
      return 1
  }
}
