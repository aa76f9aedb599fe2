/** ONNX Runtime's two packages behind one door. */
import type * as Common from 'onnxruntime-common'
import type { DecodeWork, Inputs, Prepared } from '../../dist/peer.js'
import { decoderGraph } from './onnx-models.js'
import { type Graph, indices, model, node, value } from './onnx.js'
import { importNative } from './native.js'

type Ort = typeof Common
type Session = Common.InferenceSession
type Tensor = Common.Tensor

const values = (tensor: Tensor | undefined): Float32Array => Float32Array.from(tensor!.data as Float32Array)

export class Engine {
  readonly version: string
  readonly target: 'wasm' | 'x64'
  readonly #ort: Ort
  readonly #options: Common.InferenceSession.SessionOptions

  private constructor(ort: Ort, target: 'wasm' | 'x64', threads: number) {
    this.#ort = ort
    this.target = target
    const { versions } = ort.env
    this.version = (target === 'wasm' ? versions.web : versions.node) ?? versions.common
    this.#options =
      target === 'wasm'
        ? { executionProviders: ['wasm'] }
        : { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1 }
    ort.env.logLevel = 'error'
    if (target === 'wasm') ort.env.wasm.numThreads = threads
  }

  /** `variant`: 'web, 2 threads' or 'node, 2 threads'. */
  static async load(variant: string): Promise<Engine> {
    const threads = Number(/(\d+) thread/.exec(variant)![1])
    return variant.startsWith('web')
      ? new Engine((await import('onnxruntime-web')) as unknown as Ort, 'wasm', threads)
      : new Engine(await importNative<Ort>('onnxruntime-node'), 'x64', threads)
  }

  tensor(data: Float32Array | BigInt64Array | Int32Array, shape: readonly number[]): Tensor {
    const { Tensor } = this.#ort
    if (data instanceof Int32Array) return new Tensor('int32', data, shape)
    return data instanceof Float32Array
      ? new Tensor('float32', data, shape)
      : new Tensor('int64', data, shape)
  }

  session(graph: Graph, optimize: 'disabled' | 'all'): Promise<Session> {
    return this.open(model(graph), optimize)
  }

  /** A session with a model's file. */
  open(bytes: Uint8Array, optimize: 'disabled' | 'all'): Promise<Session> {
    return this.#ort.InferenceSession.create(bytes, {
      ...this.#options,
      graphOptimizationLevel: optimize,
      logSeverityLevel: 3,
    })
  }

  /** A graph whose inputs are all constants, and whose result `y` has a shape: each run fetches its first element. */
  async constantGraph(graph: Pick<Graph, 'nodes' | 'constants'>, shape: number[]): Promise<Prepared> {
    const ones = shape.map(() => 1)
    const session = await this.session(
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
  async openGraph(graph: Graph, feeds: Record<string, Tensor>): Promise<Prepared> {
    const session = await this.session(graph, 'all')
    return {
      async run() {
        await session.run(feeds, ['y'])
      },
      read: async () => [values((await session.run(feeds, ['y']))['y'])],
      dispose: () => session.release(),
    }
  }
}

/** A decoder that writes on: the cache goes out of each step and into the next. */
export async function decoder(engine: Engine, work: DecodeWork, inputs: Inputs['decode']): Promise<Prepared> {
  const { layers, width, heads, tokens, vocabulary } = work
  const session = await engine.session(decoderGraph(work, inputs), 'all')
  const { ids } = inputs
  const wholes = (given: Iterable<number>, count: number): Tensor =>
    engine.tensor(BigInt64Array.from(given, BigInt), [1, count])
  const empty = engine.tensor(new Float32Array(0), [2, 1, heads, 0, width / heads])
  type Cache = Record<string, Tensor>
  const each = Array.from({ length: layers }, (_, layer) => layer)
  /** The logits of the last of the positions from `at` on. */
  const step = async (
    given: Int32Array,
    at: number,
    past: Cache,
  ): Promise<{ logits: Float32Array; past: Cache }> => {
    const count = given.length
    const results = await session.run({
      ids: wholes(given, count),
      places: wholes(
        Array.from({ length: count }, (_, i) => at + i),
        count,
      ),
      ...past,
    })
    return {
      logits: (results['logits']!.data as Float32Array).subarray((count - 1) * vocabulary),
      past: Object.fromEntries(each.map((layer) => [`past${layer}`, results[`present${layer}`]!])),
    }
  }
  const prompt = ids.length - 1
  const nothing = Object.fromEntries(each.map((layer) => [`past${layer}`, empty]))
  const start = (await step(ids.subarray(0, prompt), 0, nothing)).past
  const write = async (count: number): Promise<Float32Array> => {
    let past = start
    let id = ids[prompt]!
    let first: Float32Array | undefined
    for (let at = prompt; at < prompt + count; at++) {
      const next = await step(Int32Array.of(id), at, past)
      first ??= next.logits
      past = next.past
      id = likeliest(next.logits)
    }
    return Float32Array.from(first!)
  }
  return {
    async run() {
      await write(tokens)
    },
    read: async () => [await write(1)],
    dispose: () => session.release(),
  }
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id
  return best
}
