/**
 * onnxruntime-web on its wasm backend: SIMD, 2 threads. Large inputs are constants of the graph and large results
 * stay in it (a run fetches one element): only the work is timed, not copies between JavaScript and the engine.
 * Graph optimization is off where it could compute the result ahead of time; the graphs are fused by hand.
 */
import * as ort from 'onnxruntime-web'
import type { Formulation, Inputs, LayerWork, Peer, Prepared, RowsWork } from '../../dist/peer.js'
import { constant, indices, model, node, scalar, value, type Graph } from './onnx.js'

type Session = ort.InferenceSession

const values = (tensor: ort.Tensor | undefined): Float32Array =>
  Float32Array.from(tensor!.data as Float32Array)

async function sessionOf(graph: Graph, optimize: 'disabled' | 'all'): Promise<Session> {
  return ort.InferenceSession.create(model(graph), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: optimize,
  })
}

/** A graph whose inputs are all constants, and whose result `y` has `rank` axes: each run fetches its first element. */
async function constantGraph(graph: Pick<Graph, 'nodes' | 'constants'>, shape: number[]): Promise<Prepared> {
  const ones = shape.map(() => 1)
  const session = await sessionOf(
    {
      nodes: [...graph.nodes, node('Slice', ['y', 'first', 'end'], ['corner'])],
      constants: [...graph.constants, indices('first', ...shape.map(() => 0)), indices('end', ...ones)],
      outputs: [value('y', shape), value('corner', ones)],
    },
    'disabled',
  )
  return {
    async run() {
      await session.run({}, ['corner'])
    },
    read: async () => [values((await session.run({}, ['y']))['y'])],
    dispose: () => session.release(),
  }
}

/** A graph with inputs: each run carries them in and the result `y` out, as an application would. */
async function openGraph(graph: Graph, feeds: Record<string, ort.Tensor>): Promise<Prepared> {
  const session = await sessionOf(graph, 'all')
  return {
    async run() {
      await session.run(feeds, ['y'])
    },
    read: async () => [values((await session.run(feeds, ['y']))['y'])],
    dispose: () => session.release(),
  }
}

/** [head, position, width] -> [position, head × width]. */
function joinHeads(given: Float32Array, heads: number, length: number, width: number): Float32Array {
  const out = new Float32Array(given.length)
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < length; i++) {
      const at = (head * length + i) * width
      out.set(given.subarray(at, at + width), (i * heads + head) * width)
    }
  return out
}

/** [head, position, width] -> [head, width, position]. */
function transposed(given: Float32Array, heads: number, length: number, width: number): Float32Array {
  const out = new Float32Array(given.length)
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < length; i++)
      for (let c = 0; c < width; c++)
        out[(head * width + c) * length + i] = given[(head * length + i) * width + c]!
  return out
}

function lowerTriangle(length: number): Float32Array {
  const mask = new Float32Array(length * length)
  for (let i = 0; i < length; i++) mask.fill(-Infinity, i * length + i + 1, (i + 1) * length)
  return mask
}

function attention(
  { heads, length, width, causal, gradient }: Parameters<NonNullable<Peer['attention']>>[0],
  { query, key, value: mixed }: Inputs['attention'],
): Formulation[] {
  if (gradient) return []
  const split = [1, heads, length, width]
  const flat = [1, length, heads * width]
  const flattened = (given: Float32Array): Float32Array => joinHeads(given, heads, length, width)
  return [
    {
      name: 'Attention (ONNX 23)',
      prepare: () =>
        constantGraph(
          {
            nodes: [node('Attention', ['q', 'k', 'v'], ['y'], { is_causal: causal ? 1 : 0 })],
            constants: [constant('q', split, query), constant('k', split, key), constant('v', split, mixed)],
          },
          split,
        ),
    },
    {
      name: 'MultiHeadAttention',
      async prepare() {
        const prepared = await constantGraph(
          {
            nodes: [
              node('com.microsoft.MultiHeadAttention', ['q', 'k', 'v'], ['y'], {
                num_heads: heads,
                unidirectional: causal ? 1 : 0,
              }),
            ],
            constants: [
              constant('q', flat, flattened(query)),
              constant('k', flat, flattened(key)),
              constant('v', flat, flattened(mixed)),
            ],
          },
          flat,
        )
        return {
          ...prepared,
          // Joining is splitting with the roles of heads and positions exchanged.
          read: async () => [joinHeads((await prepared.read())[0]!, length, heads, width)],
        }
      },
    },
    {
      name: 'MatMul, Softmax, MatMul',
      prepare: () =>
        constantGraph(
          {
            nodes: [
              node('com.microsoft.FusedMatMul', ['q', 'k'], ['scores'], {
                alpha: { float: 1 / Math.sqrt(width) },
              }),
              ...(causal ? [node('Add', ['scores', 'mask'], ['masked'])] : []),
              node('Softmax', [causal ? 'masked' : 'scores'], ['filter'], { axis: -1 }),
              node('MatMul', ['filter', 'v'], ['y']),
            ],
            constants: [
              constant('q', split, query),
              constant('k', [1, heads, width, length], transposed(key, heads, length, width)),
              constant('v', split, mixed),
              ...(causal ? [constant('mask', [length, length], lowerTriangle(length))] : []),
            ],
          },
          split,
        ),
    },
  ]
}

function layer({ length, width, heads }: LayerWork, { x, weights }: Inputs['layer']): Formulation[] {
  const shape = [1, length, width]
  const headed = [1, length, heads, width / heads]
  const constants = [
    ...Object.entries(weights).map(([name, { shape: own, values: data }]) => constant(name, own, data)),
    indices('headed', ...headed),
    indices('joined', ...shape),
    scalar('scale', Math.sqrt(heads / width)),
    scalar('half', 0.5),
    scalar('one', 1),
    scalar('inverseRoot2', Math.SQRT1_2),
  ]
  const linear = (input: string, name: string, output: string): Uint8Array[] => [
    node('MatMul', [input, `${name}Weight`], [`${name}Product`]),
    node('Add', [`${name}Product`, `${name}Bias`], [output]),
  ]
  const joined = (input: string, residual: string, name: string, output: string): Uint8Array =>
    node(
      'com.microsoft.SkipLayerNormalization',
      [input, residual, `${name}Scale`, `${name}Shift`],
      [output],
      { epsilon: { float: 1e-12 } },
    )
  const graphOf = (attend: Uint8Array[]): Graph => ({
    nodes: [
      ...linear('x', 'query', 'q'),
      ...linear('x', 'key', 'k'),
      ...linear('x', 'value', 'v'),
      ...attend,
      ...linear('mixed', 'output', 'attended'),
      joined('attended', 'x', 'attentionNorm', 'middle'),
      node('MatMul', ['middle', 'hiddenWeight'], ['hiddenProduct']),
      node('com.microsoft.BiasGelu', ['hiddenProduct', 'hiddenBias'], ['inner']),
      ...linear('inner', 'projection', 'outer'),
      joined('outer', 'middle', 'norm', 'y'),
    ],
    constants,
    inputs: [value('x', shape)],
    outputs: [value('y', shape)],
  })
  const swap = (input: string, output: string, order = [0, 2, 1, 3]): Uint8Array[] => [
    node('Reshape', [input, 'headed'], [`${output}Headed`]),
    node('Transpose', [`${output}Headed`], [output], { perm: order }),
  ]
  const feeds = { x: new ort.Tensor('float32', x, shape) }
  const graphs: Record<string, Uint8Array[]> = {
    MultiHeadAttention: [
      node('com.microsoft.MultiHeadAttention', ['q', 'k', 'v'], ['mixed'], { num_heads: heads }),
    ],
    'Attention (ONNX 23)': [
      node('Attention', ['q', 'k', 'v'], ['mixed'], { q_num_heads: heads, kv_num_heads: heads }),
    ],
    'MatMul, Softmax, MatMul': [
      ...swap('q', 'qSplit'),
      ...swap('k', 'kSplit', [0, 2, 3, 1]),
      ...swap('v', 'vSplit'),
      node('com.microsoft.FusedMatMul', ['qSplit', 'kSplit'], ['scores'], {
        alpha: { float: Math.sqrt(heads / width) },
      }),
      node('Softmax', ['scores'], ['filter'], { axis: -1 }),
      node('MatMul', ['filter', 'vSplit'], ['mixedSplit']),
      node('Transpose', ['mixedSplit'], ['mixedHeaded'], { perm: [0, 2, 1, 3] }),
      node('Reshape', ['mixedHeaded', 'joined'], ['mixed']),
    ],
  }
  return Object.entries(graphs).map(([name, attend]) => ({
    name,
    prepare: () => openGraph(graphOf(attend), feeds),
  }))
}

function rows({ operation, rows: count, columns }: RowsWork, inputs: Inputs['rows']): Formulation[] {
  const shape = [count, columns]
  const graphs: Record<RowsWork['operation'], Pick<Graph, 'nodes' | 'constants'>[]> = {
    add: [{ nodes: [node('Add', ['a', 'b'], ['y'])], constants: [constant('b', shape, inputs.b)] }],
    gelu: [
      { nodes: [node('com.microsoft.Gelu', ['a'], ['y'])], constants: [] },
      { nodes: [node('Gelu', ['a'], ['y'])], constants: [] },
    ],
    softmax: [{ nodes: [node('Softmax', ['a'], ['y'], { axis: -1 })], constants: [] }],
    norm: [
      {
        nodes: [node('LayerNormalization', ['a', 'scale', 'shift'], ['y'], { epsilon: { float: 1e-5 } })],
        constants: [constant('scale', [columns], inputs.scale), constant('shift', [columns], inputs.shift)],
      },
    ],
  }
  return graphs[operation].map(({ nodes, constants }, i) => ({
    name: i ? `${operation} (ONNX)` : operation,
    prepare: () => constantGraph({ nodes, constants: [constant('a', shape, inputs.a), ...constants] }, shape),
  }))
}

export function load(): Promise<Peer> {
  ort.env.wasm.numThreads = 2
  ort.env.logLevel = 'error'
  return Promise.resolve({
    version: ort.env.versions.web ?? '',
    target: 'wasm',
    configuration: 'SIMD, 2 threads',
    matmul: ({ m, k, n }, { a, b }) => {
      const [left, right] = [constant('a', [m, k], a), constant('b', [k, n], b)]
      return [
        {
          name: 'constants',
          prepare: () =>
            constantGraph({ nodes: [node('MatMul', ['a', 'b'], ['y'])], constants: [left, right] }, [m, n]),
        },
        {
          name: 'input and output copied',
          prepare: () =>
            openGraph(
              {
                nodes: [node('MatMul', ['a', 'b'], ['y'])],
                constants: [right],
                inputs: [value('a', [m, k])],
                outputs: [value('y', [m, n])],
              },
              { a: new ort.Tensor('float32', a, [m, k]) },
            ),
        },
      ]
    },
    attention,
    layer,
    rows,
    add: ({ size }, { a, b }) => {
      const feeds = { a: new ort.Tensor('float32', a, [size]), b: new ort.Tensor('float32', b, [size]) }
      const graph = {
        nodes: [node('Add', ['a', 'b'], ['y'])],
        constants: [],
        inputs: [value('a', [size]), value('b', [size])],
        outputs: [value('y', [size])],
      }
      return [{ name: 'session.run', prepare: () => openGraph(graph, feeds) }]
    },
  })
}
