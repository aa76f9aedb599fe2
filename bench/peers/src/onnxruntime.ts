/**
 * ONNX Runtime: onnxruntime-web on its wasm backend, or onnxruntime-node on the processor. Large inputs are constants of the graph and large
 * results stay in it (a run fetches one element): only the work is timed, not copies between JavaScript and the engine.
 * Graph optimization is off where it could compute the result ahead of time; the graphs are fused by hand.
 */
import type {
  AttentionWork,
  DecodeWork,
  EncoderWork,
  Formulation,
  Inputs,
  LayerWork,
  Peer,
  RowsWork,
} from '../../dist/peer.js'
import { decoder, Engine } from './onnx-engine.js'
import { attendings, layerConstants, layerNodes, sharedConstants } from './onnx-layer.js'
import { encoderGraph } from './onnx-models.js'
import { constant, node, value, type Graph } from './onnx.js'
import { isQuantized, toleranceOf } from './quantize.js'

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
  engine: Engine,
  { heads, length, width, causal, gradient }: AttentionWork,
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
        engine.constantGraph(
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
        const prepared = await engine.constantGraph(
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
        engine.constantGraph(
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

function layer(engine: Engine, work: LayerWork, { x, weights }: Inputs['layer']): Formulation[] {
  const shape = [1, work.length, work.width]
  const sizes = { ...work, batch: 1 }
  const feeds = { x: engine.tensor(x, shape) }
  return attendings.map((attending) => ({
    name: attending,
    prepare: () =>
      engine.openGraph(
        {
          nodes: layerNodes('', 'x', 'y', attending, sizes),
          constants: [...layerConstants('', weights, attending), ...sharedConstants(sizes, attending)],
          inputs: [value('x', shape)],
          outputs: [value('y', shape)],
        },
        feeds,
      ),
  }))
}

function encoder(engine: Engine, work: EncoderWork, { parameters, ids }: Inputs['encoder']): Formulation[] {
  const feeds = { ids: engine.tensor(BigInt64Array.from(ids, BigInt), [work.batch, work.length]) }
  return attendings.map((attending) => ({
    name: attending,
    prepare: () => engine.openGraph(encoderGraph(work, parameters, attending), feeds),
  }))
}

function decode(engine: Engine, work: DecodeWork, inputs: Inputs['decode']): Formulation[] {
  if (work.weights === 'f16') return []
  const quantized = isQuantized(work.weights)
  return [
    {
      name: quantized ? 'MatMulNBits, MultiHeadAttention with past' : 'Attention with past',
      ...(quantized ? { tolerance: toleranceOf[work.weights] } : {}),
      prepare: () => decoder(engine, work, inputs),
    },
  ]
}

function rows(
  engine: Engine,
  { operation, rows: count, columns }: RowsWork,
  inputs: Inputs['rows'],
): Formulation[] {
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
    prepare: () =>
      engine.constantGraph({ nodes, constants: [constant('a', shape, inputs.a), ...constants] }, shape),
  }))
}

export async function load(variant: string): Promise<Peer> {
  const engine = await Engine.load(variant)
  return {
    version: engine.version,
    target: engine.target,
    configuration: variant,
    matmul: ({ m, k, n }, { a, b }) => {
      const [left, right] = [constant('a', [m, k], a), constant('b', [k, n], b)]
      return [
        {
          name: 'constants',
          prepare: () =>
            engine.constantGraph({ nodes: [node('MatMul', ['a', 'b'], ['y'])], constants: [left, right] }, [
              m,
              n,
            ]),
        },
        {
          name: 'input and output copied',
          prepare: () =>
            engine.openGraph(
              {
                nodes: [node('MatMul', ['a', 'b'], ['y'])],
                constants: [right],
                inputs: [value('a', [m, k])],
                outputs: [value('y', [m, n])],
              },
              { a: engine.tensor(a, [m, k]) },
            ),
        },
      ]
    },
    attention: (work, inputs) => attention(engine, work, inputs),
    layer: (work, inputs) => layer(engine, work, inputs),
    rows: (work, inputs) => rows(engine, work, inputs),
    encoder: (work, inputs) => encoder(engine, work, inputs),
    decode: (work, inputs) => decode(engine, work, inputs),
    add: ({ size }, { a, b }) => {
      const feeds = { a: engine.tensor(a, [size]), b: engine.tensor(b, [size]) }
      const graph = {
        nodes: [node('Add', ['a', 'b'], ['y'])],
        constants: [],
        inputs: [value('a', [size]), value('b', [size])],
        outputs: [value('y', [size])],
      }
      return [{ name: 'session.run', prepare: () => engine.openGraph(graph, feeds) }]
    },
  }
}
