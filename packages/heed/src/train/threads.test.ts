import { expect, test } from 'vitest'
import { valueAndGrad } from '../autograd/index.js'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { createDecoder, decoderConfig, decoderLogits } from '../models/index.js'
import { type Target, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import {
  type AnyTensor,
  crossEntropy,
  isTensor,
  scope,
  type Tensor,
  tensor,
  withDevice,
} from '../tensor/index.js'
import { adamw } from './index.js'

const targets: readonly (readonly [name: string, target: Target])[] = [
  ['wasm', wasmTarget({ lanes: 4, relaxed: wasmFeatures().relaxed, shared: true })],
  ...x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width })] as const),
]

/** Every tensor of a tree, in its order. */
function leaves(tree: unknown): AnyTensor[] {
  if (isTensor(tree)) return [tree]
  return typeof tree === 'object' && tree !== null ? Object.values(tree).flatMap(leaves) : []
}

/**
 * Logits, loss, gradients and weights of two training steps, as bits. Lengths and widths that divide into
 * nothing.
 */
function train(target: Target, threads: number): Uint8Array[] {
  const device = new Device(target, { shared: true, threads })
  try {
    return withDevice(device, () =>
      scope(() => {
        const config = decoderConfig({ vocabulary: 203, context: 150, width: 84, layers: 2, heads: 3 })
        const optimizer = adamw()
        let model = createDecoder(config, randomKey(1))
        let state = optimizer.init(model)
        const sizes = { batch: 3, position: 131 }
        const ids = (first: number): Tensor<'batch' | 'position'> =>
          tensor(
            Array.from({ length: 3 * 131 }, (_, i) => (first + 7919 * i) % 203),
            sizes,
            { dtype: 'i32' },
          )
        const loss = valueAndGrad((m: typeof model, input: AnyTensor, next: AnyTensor) =>
          crossEntropy(decoderLogits(m, config, input as never), next as never, 'vocabulary'),
        )
        const found: AnyTensor[] = [decoderLogits(model, config, ids(5))]
        for (let step = 0; step < 2; step++) {
          const { value, gradient } = loss(model, ids(step), ids(step + 7))
          found.push(value, ...leaves(gradient))
          ;({ model, state } = optimizer.update(model, gradient, state, { rate: 0.01 }))
        }
        found.push(...leaves(model))
        return found.map((each) => {
          const { buffer, byteOffset, byteLength } = (each as Tensor).values()
          return new Uint8Array(buffer, byteOffset, byteLength).slice()
        })
      }),
    )
  } finally {
    device.close()
  }
}

test.each(targets)('%s: the same bits for 1, 2, 3 and 5 threads', (_, target) => {
  const [alone, ...others] = [1, 2, 3, 5].map((threads) => train(target, threads))
  expect(alone!.length).toBeGreaterThan(40)
  expect(new Set(alone![0]!).size).toBeGreaterThan(100)
  for (const other of others)
    other.forEach((bits, i) => expect(Buffer.compare(bits, alone![i]!), `tensor ${i}`).toBe(0))
})
