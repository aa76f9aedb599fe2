/**
 * jax-js on its wasm backend, compiled by `jit` where that helps it: each work as its documentation writes it. With two
 * threads it gets the browser's `Worker`, which Node lacks.
 */
import type { Array as JaxArray } from '@jax-js/jax'
import type {
  AttentionWork,
  Formulation,
  Inputs,
  LayerWork,
  Peer,
  Prepared,
  RowsWork,
  TrainWork,
} from '../../dist/peer.js'
import { installIteratorHelpers } from './iterator-helpers.js'
import { installWebWorker } from './web-worker.js'

type Jax = typeof import('@jax-js/jax')
type Parameters = Record<string, JaxArray>

export async function load(variant: string): Promise<Peer> {
  const threads = variant.startsWith('2') ? 2 : 1
  if (threads > 1) installWebWorker(threads)
  installIteratorHelpers()
  const jax = await import('@jax-js/jax')
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  return {
    version: '',
    target: 'wasm',
    configuration: variant,
    matmul: ({ m, k, n }, { a, b }) =>
      both(jax, [array(jax, a, [m, k]), array(jax, b, [k, n])], ([x, y]) => jax.numpy.matmul(x!, y!)),
    attention: (work, inputs) => attention(jax, work, inputs),
    layer: (work, inputs) => layer(jax, work, inputs),
    train: (work, inputs) => train(jax, work, inputs),
    rows: (work, inputs) => rows(jax, work, inputs),
    add: ({ size }, { a, b }) =>
      both(jax, [array(jax, a, [size]), array(jax, b, [size])], ([x, y]) => x!.add(y!)),
  }
}

const array = ({ numpy }: Jax, values: Float32Array | Int32Array, shape: readonly number[]): JaxArray =>
  numpy.array(values as Float32Array<ArrayBuffer>, { shape: [...shape] })

/** Functions own their arguments: what is used again is passed as `.ref`. */
function both(
  jax: Jax,
  inputs: JaxArray[],
  work: (inputs: JaxArray[]) => JaxArray | JaxArray[],
): Formulation[] {
  const made = (compiled: boolean): Promise<Prepared> => {
    const listed = (given: JaxArray[]): JaxArray[] => [work(given)].flat()
    const run = compiled ? jax.jit(listed) : listed
    let results: JaxArray[] = []
    const once = async (): Promise<void> => {
      for (const result of results) result.dispose()
      results = run(inputs.map((input) => input.ref))
      await jax.blockUntilReady(results)
    }
    return Promise.resolve({
      run: once,
      async read() {
        if (results.length === 0) await once()
        return Promise.all(results.map(async (result) => (await result.ref.data()) as Float32Array))
      },
      dispose() {
        for (const result of results) result.dispose()
        results = []
      },
    })
  }
  return [
    { name: 'jit', prepare: () => made(true) },
    { name: 'eager', prepare: () => made(false) },
  ]
}

function attention(
  jax: Jax,
  { heads, length, width, causal, gradient }: AttentionWork,
  inputs: Inputs['attention'],
): Formulation[] {
  const { numpy: np, nn } = jax
  // [head, position, width] -> [position, head, width], before the clock starts
  const roles = [inputs.query, inputs.key, inputs.value, ...(gradient ? [inputs.outputGradient] : [])].map(
    (values) => np.transpose(array(jax, values, [heads, length, width]), [1, 0, 2]),
  )
  const attend = (q: JaxArray, k: JaxArray, v: JaxArray): JaxArray =>
    nn.dotProductAttention(q, k, v, { isCausal: causal })
  const back = (x: JaxArray): JaxArray => np.transpose(x, [1, 0, 2])
  if (!gradient) return both(jax, roles, ([q, k, v]) => back(attend(q!, k!, v!)))
  const gradients = jax.grad(
    (q: JaxArray, k: JaxArray, v: JaxArray, upstream: JaxArray) => np.sum(attend(q, k, v).mul(upstream)),
    { argnums: [0, 1, 2] },
  )
  return both(jax, roles, ([q, k, v, upstream]) => (gradients(q!, k!, v!, upstream!) as JaxArray[]).map(back))
}

function layer(
  jax: Jax,
  { length, width, heads }: LayerWork,
  { x, weights }: Inputs['layer'],
): Formulation[] {
  const { numpy: np, nn } = jax
  const names = Object.keys(weights) as (keyof typeof weights)[]
  const inputs = [
    array(jax, x, [length, width]),
    ...names.map((name) => array(jax, weights[name].values, weights[name].shape)),
  ]
  return both(jax, inputs, ([given, ...rest]) => {
    const w = (name: keyof typeof weights): JaxArray => rest[names.indexOf(name)]!
    const linear = (y: JaxArray, name: 'query' | 'key' | 'value' | 'output' | 'hidden' | 'projection') =>
      np.matmul(y, w(`${name}Weight`)).add(w(`${name}Bias`))
    const norm = (y: JaxArray, name: 'attentionNorm' | 'norm'): JaxArray =>
      nn
        .standardize(y, -1, { epsilon: 1e-12 })
        .mul(w(`${name}Scale`))
        .add(w(`${name}Shift`))
    const [q, k, v] = (['query', 'key', 'value'] as const).map((name) =>
      linear(given!.ref, name).reshape([length, heads, width / heads]),
    )
    const mixed = nn.dotProductAttention(q!, k!, v!).reshape([length, width])
    const middle = norm(linear(mixed, 'output').add(given!), 'attentionNorm')
    const inner = nn.gelu(linear(middle.ref, 'hidden'), { approximate: false })
    return norm(linear(inner, 'projection').add(middle), 'norm')
  })
}

function rows(
  jax: Jax,
  { operation, rows: count, columns }: RowsWork,
  inputs: Inputs['rows'],
): Formulation[] {
  const { nn } = jax
  const shape = [count, columns]
  const a = array(jax, inputs.a, shape)
  if (operation === 'add') return both(jax, [a, array(jax, inputs.b, shape)], ([x, y]) => x!.add(y!))
  if (operation === 'gelu') return both(jax, [a], ([x]) => nn.gelu(x!, { approximate: false }))
  if (operation === 'softmax') return both(jax, [a], ([x]) => nn.softmax(x!, -1))
  return both(
    jax,
    [a, array(jax, inputs.scale, [columns]), array(jax, inputs.shift, [columns])],
    ([x, scale, shift]) => nn.standardize(x!, -1, { epsilon: 1e-5 }).mul(scale!).add(shift!),
  )
}

function train(
  jax: Jax,
  { layers, width, heads, context, vocabulary, batch }: TrainWork,
  { parameters, batches }: Inputs['train'],
): Formulation[] {
  const { numpy: np, nn } = jax
  const names = Object.keys(parameters)
  const headed = [batch, context, heads, width / heads]
  const normed = (x: JaxArray, scale: JaxArray): JaxArray =>
    nn.standardize(x, -1, { epsilon: 1e-5 }).mul(scale)

  const loss = (p: Parameters, ids: JaxArray, next: JaxArray): JaxArray => {
    let x = np.matmul(nn.oneHot(ids, vocabulary), p['embedding']!.ref).add(p['position']!)
    for (let i = 0; i < layers; i++) {
      const of = (name: string): JaxArray => p[`layer${i}.${name}`]!
      const first = normed(x.ref, of('attentionNormScale'))
      const [q, k, v] = ['query', 'key', 'value'].map((name, at) =>
        np.matmul(at < 2 ? first.ref : first, of(`${name}Weight`)).reshape(headed),
      )
      const mixed = nn.dotProductAttention(q!, k!, v!, { isCausal: true }).reshape([batch, context, width])
      x = x.add(np.matmul(mixed, of('outputWeight')))
      const inner = np.matmul(normed(x.ref, of('hiddenNormScale')), of('hiddenWeight'))
      x = x.add(np.matmul(nn.gelu(inner, { approximate: false }), of('projectionWeight')))
    }
    const logits = np.matmul(normed(x, p['normScale']!), np.transpose(p['embedding']!))
    return np.sum(nn.logSoftmax(logits, -1).mul(nn.oneHot(next, vocabulary))).mul(-1 / (batch * context))
  }
  const value = jax.valueAndGrad(loss)
  const decayOf = (name: string): number => (parameters[name]!.shape.length === 2 ? 0.1 : 0)

  /** AdamW; `rates`: 1 / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ). */
  const step = (
    p: Parameters,
    first: Parameters,
    second: Parameters,
    ids: JaxArray,
    next: JaxArray,
    rate1: JaxArray,
    rate2: JaxArray,
  ): [JaxArray, Parameters, Parameters, Parameters] => {
    const copy = Object.fromEntries(names.map((name) => [name, p[name]!.ref]))
    const [found, gradient] = value(copy, ids, next) as [JaxArray, Parameters]
    const results: [Parameters, Parameters, Parameters] = [{}, {}, {}]
    for (const name of names) {
      const g = gradient[name]!
      const m = first[name]!.mul(0.9).add(g.ref.mul(0.1))
      const s = second[name]!.mul(0.99).add(np.square(g).mul(0.01))
      const spread = np.sqrt(s.ref.mul(rate2.ref)).add(1e-8)
      const moved = m.ref.mul(rate1.ref).div(spread)
      const weight = p[name]!
      results[0][name] = weight.ref.sub(moved.add(weight.mul(decayOf(name))).mul(1e-3))
      results[1][name] = m
      results[2][name] = s
    }
    rate1.dispose()
    rate2.dispose()
    return [found, ...results]
  }

  const prepare = (compiled: boolean): Promise<Prepared> => {
    const run = compiled ? jax.jit(step) : step
    let p: Parameters = Object.fromEntries(
      names.map((name) => [name, array(jax, parameters[name]!.values, parameters[name]!.shape)]),
    )
    const zeros = (): Parameters =>
      Object.fromEntries(names.map((name) => [name, np.zeros([...parameters[name]!.shape])]))
    let [first, second] = [zeros(), zeros()]
    const losses: number[] = []
    const part = (tokens: Int32Array, shift: number): JaxArray =>
      array(
        jax,
        Int32Array.from(
          { length: batch * context },
          (_, i) => tokens[Math.floor(i / context) * (context + 1) + (i % context) + shift]!,
        ),
        [batch, context],
      )
    const data = batches.map((tokens) => [part(tokens, 0), part(tokens, 1)] as const)
    return Promise.resolve({
      async run() {
        const at = losses.length + 1
        const [ids, next] = data[losses.length % data.length]!
        const [found, ...rest] = run(
          p,
          first,
          second,
          ids.ref,
          next.ref,
          np.array(1 / (1 - 0.9 ** at)),
          np.array(1 / (1 - 0.99 ** at)),
        ) as [JaxArray, Parameters, Parameters, Parameters]
        ;[p, first, second] = rest
        await jax.blockUntilReady([p, first, second])
        losses.push((await found.data())[0]!)
      },
      read: () => [Float32Array.from(losses)],
      dispose() {
        for (const tree of [p, first, second]) for (const name of names) tree[name]!.dispose()
      },
    })
  }
  return [
    { name: 'jit', prepare: () => prepare(true) },
    { name: 'eager', prepare: () => prepare(false) },
  ]
}
