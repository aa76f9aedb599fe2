/** TensorFlow.js on its wasm backend: SIMD, one thread (its threads need a browser's Worker with module scripts). */
import { createRequire } from 'node:module'
import type { Tensor, TensorContainer } from '@tensorflow/tfjs-core'
import type {
  AttentionWork,
  Formulation,
  Inputs,
  LayerWork,
  Peer,
  Prepared,
  RowsWork,
} from '../../dist/peer.js'

type TensorFlow = typeof import('@tensorflow/tfjs-core')

export async function load(): Promise<Peer> {
  // The builds for Node are CommonJS: both packages must be loaded so, to share one registry.
  const require = createRequire(import.meta.url)
  const tf = require('@tensorflow/tfjs-core') as TensorFlow
  const backend = require('@tensorflow/tfjs-backend-wasm') as typeof import('@tensorflow/tfjs-backend-wasm')
  backend.setThreadsCount(1)
  await tf.setBackend('wasm')
  await tf.ready()
  return {
    version: tf.version_core,
    target: 'wasm',
    configuration: 'SIMD, 1 thread',
    matmul: ({ m, k, n }, { a, b }) =>
      work(tf, 'matMul', [tf.tensor(a, [m, k]), tf.tensor(b, [k, n])], ([x, y]) => [tf.matMul(x!, y!)]),
    attention: (given, inputs) => attention(tf, given, inputs),
    layer: (given, inputs) => layer(tf, given, inputs),
    rows: (given, inputs) => rows(tf, given, inputs),
    add: ({ size }, { a, b }) =>
      work(tf, 'add', [tf.tensor(a, [size]), tf.tensor(b, [size])], ([x, y]) => [tf.add(x!, y!)]),
  }
}

function work(
  tf: TensorFlow,
  name: string,
  inputs: Tensor[],
  compute: (inputs: Tensor[]) => Tensor[],
): Formulation[] {
  let results: Tensor[] = []
  const run = (): void => {
    tf.dispose(results)
    results = tf.tidy(() => compute(inputs) as TensorContainer) as Tensor[]
  }
  const prepared: Prepared = {
    // Kernels of this backend run at once.
    run,
    read() {
      if (results.length === 0) run()
      return results.map((result) => result.dataSync() as Float32Array)
    },
    dispose: () => {
      tf.dispose([...inputs, ...results])
      results = []
    },
  }
  return [{ name, prepare: () => Promise.resolve(prepared) }]
}

function attention(
  tf: TensorFlow,
  { heads, length, width, causal, gradient }: AttentionWork,
  inputs: Inputs['attention'],
): Formulation[] {
  const shape: [number, number, number] = [heads, length, width]
  // The packages for Node register no gradients.
  if (gradient) return []
  const roles: Tensor[] = [inputs.query, inputs.key, inputs.value].map((one) => tf.tensor3d(one, shape))
  if (causal) {
    const mask = new Float32Array(length * length)
    for (let i = 0; i < length; i++) mask.fill(-1e30, i * length + i + 1, (i + 1) * length)
    roles.push(tf.tensor2d(mask, [length, length]))
  }
  const masked = (scores: Tensor, mask: Tensor | undefined): Tensor =>
    mask === undefined ? scores : tf.add(scores, mask)
  const attend = (q: Tensor, k: Tensor, v: Tensor, mask: Tensor | undefined): Tensor => {
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width))
    return tf.matMul(tf.softmax(masked(scores, mask)), v)
  }
  return work(tf, 'matMul, softmax, matMul', roles, ([q, k, v, mask]) => [attend(q!, k!, v!, mask)])
}

const gelu = (tf: TensorFlow, x: Tensor): Tensor =>
  tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))

function norm(tf: TensorFlow, x: Tensor, scale: Tensor, shift: Tensor, epsilon: number): Tensor {
  const { mean, variance } = tf.moments(x, -1, true)
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))), scale), shift)
}

function layer(
  tf: TensorFlow,
  { length, width, heads }: LayerWork,
  { x, weights }: Inputs['layer'],
): Formulation[] {
  const names = Object.keys(weights) as (keyof typeof weights)[]
  const inputs = [
    tf.tensor(x, [length, width]),
    ...names.map((name) => tf.tensor(weights[name].values, [...weights[name].shape])),
  ]
  return work(tf, 'matMul, softmax, matMul', inputs, ([given, ...rest]) => {
    const w = (name: keyof typeof weights): Tensor => rest[names.indexOf(name)]!
    const linear = (
      y: Tensor,
      name: 'query' | 'key' | 'value' | 'output' | 'hidden' | 'projection',
    ): Tensor => tf.add(tf.matMul(y, w(`${name}Weight`)), w(`${name}Bias`))
    const [q, k, v] = (['query', 'key', 'value'] as const).map((name) =>
      tf.transpose(tf.reshape(linear(given!, name), [length, heads, width / heads]), [1, 0, 2]),
    )
    const scores = tf.mul(tf.matMul(q!, k!, false, true), Math.sqrt(heads / width))
    const mixed = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v!), [1, 0, 2]), [length, width])
    const middle = norm(
      tf,
      tf.add(linear(mixed, 'output'), given!),
      w('attentionNormScale'),
      w('attentionNormShift'),
      1e-12,
    )
    const outer = linear(gelu(tf, linear(middle, 'hidden')), 'projection')
    return [norm(tf, tf.add(outer, middle), w('normScale'), w('normShift'), 1e-12)]
  })
}

function rows(
  tf: TensorFlow,
  { operation, rows: count, columns }: RowsWork,
  inputs: Inputs['rows'],
): Formulation[] {
  const a = tf.tensor(inputs.a, [count, columns])
  switch (operation) {
    case 'add':
      return work(tf, 'add', [a, tf.tensor(inputs.b, [count, columns])], ([x, y]) => [tf.add(x!, y!)])
    case 'gelu':
      return work(tf, 'erf', [a], ([x]) => [gelu(tf, x!)])
    case 'softmax':
      return work(tf, 'softmax', [a], ([x]) => [tf.softmax(x!)])
    case 'norm':
      return work(
        tf,
        'moments',
        [a, tf.tensor(inputs.scale, [columns]), tf.tensor(inputs.shift, [columns])],
        ([x, scale, shift]) => [norm(tf, x!, scale!, shift!, 1e-5)],
      )
  }
}
