import { describe, expect, test } from 'vitest'
import { valueAndGrad } from '../../autograd/index.js'
import { foldIn, randomKey, ShapeError, UsageError } from '../../base/index.js'
import { Device } from '../../device/index.js'
import { interpreter, wasmTarget } from '../../targets/index.js'
import {
  dropout,
  dot,
  normal,
  ones,
  scope,
  tanh,
  type Tensor,
  tensor,
  withDevice,
} from '../../tensor/index.js'
import {
  cosentLoss,
  distillLogits,
  distillVectors,
  inBatchNegativesLoss,
  inChunks,
  listwiseLoss,
  matryoshkaLoss,
  spanLoss,
  tripletLoss,
  type Vectors,
} from './index.js'

interface Net {
  readonly first: Tensor<'in' | 'hidden'>
  readonly second: Tensor<'hidden' | 'width'>
}
type Inputs = Tensor<'batch' | 'in'>

function net(hidden = 16): Net {
  const key = randomKey(3)
  return {
    first: normal(foldIn(key, 1), { in: 8, hidden }, 0.3),
    second: normal(foldIn(key, 2), { hidden, width: 6 }, 0.3),
  }
}

describe('chunks of a batch', () => {
  const encode = (model: Net, x: Inputs, key?: ReturnType<typeof randomKey>): Vectors => {
    const hidden = tanh(dot(x, model.first, 'in'))
    return dot(key === undefined ? hidden : dropout(hidden, 0.3, key), model.second, 'hidden')
  }
  const inputs = (count: number): Inputs => normal(randomKey(9), { batch: count, in: 8 })
  const lossOf = (vectors: Vectors): Tensor<never> => {
    const half = vectors.size('batch') / 2
    return inBatchNegativesLoss(vectors.slice('batch', 0, half), vectors.slice('batch', half, 2 * half))
  }

  test.each([1, 3, 4])('give the gradients of the whole, with dropout: %i', (count) => {
    withDevice(new Device(interpreter), () =>
      scope(() => {
        const model = net()
        const all = inputs(12)
        const size = 12 / count
        const chunks = Array.from({ length: count }, (_, i) => all.slice('batch', i * size, (i + 1) * size))
        const keyOf = (i: number): ReturnType<typeof randomKey> => foldIn(randomKey(5), i)
        // The same draws without chunks: each part by its own key, all kept.
        const plain = valueAndGrad((own: Net) => {
          const parts = chunks.map((chunk, i) => encode(own, chunk, keyOf(i)))
          return lossOf(inChunks((_: Net, part: Vectors) => part, own, parts))
        })(model)
        const cached = valueAndGrad((own: Net) =>
          lossOf(inChunks((mine: Net, chunk: Inputs, i) => encode(mine, chunk, keyOf(i)), own, chunks)),
        )(model)
        expect(Math.abs(plain.value.item() - cached.value.item())).toBeLessThan(1e-12)
        for (const name of ['first', 'second'] as const) {
          const found = cached.gradient[name].values()
          const worst = plain.gradient[name]
            .values()
            .reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0)
          expect(worst).toBeLessThan(1e-12)
        }
      }),
    )
  })

  test('take the memory of one chunk, not of the batch', () => {
    const peakOf = (count: number, cached: boolean): number => {
      const device = new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false }))
      return withDevice(device, () =>
        scope(() => {
          const model = net(4096)
          const all = inputs(512)
          const chunks = Array.from({ length: count }, (_, i) =>
            all.slice('batch', (i * 512) / count, ((i + 1) * 512) / count),
          )
          scope(() => {
            valueAndGrad((own: Net) =>
              lossOf(
                cached
                  ? inChunks((mine: Net, chunk: Inputs) => encode(mine, chunk), own, chunks)
                  : encode(own, all),
              ),
            )(model)
          })
          return device.heap.use().peak
        }),
      )
    }
    expect(peakOf(16, true)).toBeLessThan(0.4 * peakOf(1, false))
  })

  test('there is at least one', () => {
    expect(() => inChunks(encode as never, net(), [])).toThrow(UsageError)
  })
})

describe('what makes no sense is refused', () => {
  const vectors = (batch: number, width = 4): Vectors => ones({ batch, width })
  test('vectors that do not belong together', () => {
    expect(() => inBatchNegativesLoss(vectors(2), vectors(3))).toThrow(ShapeError)
    expect(() => inBatchNegativesLoss(vectors(2), vectors(3))).toThrow('expected 2 vectors')
    expect(() => inBatchNegativesLoss(vectors(2), vectors(2), { scale: 0 })).toThrow(UsageError)
    expect(() => inBatchNegativesLoss(vectors(2), vectors(2), { temperature: 1 } as never)).toThrow(
      'temperature',
    )
    expect(() => cosentLoss(ones({ batch: 2 }), ones({ batch: 3 }))).toThrow(ShapeError)
    expect(() => tripletLoss(vectors(2), vectors(2), vectors(2), { distance: 'l1' as never })).toThrow(
      UsageError,
    )
    expect(() => distillVectors(vectors(2), vectors(2), 'angle' as never)).toThrow(UsageError)
  })
  test('dimensions', () => {
    const of = (dimensions: number[], weights?: number[]): (() => unknown) => {
      return () =>
        matryoshkaLoss([vectors(2), vectors(2)], (a, b) => inBatchNegativesLoss(a, b), {
          dimensions,
          weights,
        })
    }
    expect(of([])).toThrow(UsageError)
    expect(of([5])).toThrow('dimensions from 1 to 4')
    expect(of([4, 2], [1])).toThrow('a weight for each')
  })
  test('distillation', () => {
    const logits = ones({ batch: 2, label: 3 })
    expect(() => distillLogits(logits, logits, 'label', { temperature: 0 })).toThrow(UsageError)
    expect(() => distillLogits(logits, logits, 'label', { labelShare: 0.5 })).toThrow(
      'labels beside labelShare',
    )
  })
  test('ranking and spans', () => {
    expect(() =>
      listwiseLoss(ones({ query: 1, document: 2 }), tensor([0, 0], { query: 1, document: 2 })),
    ).toThrow('query 0 without one')
    const logits = ones({ batch: 1, position: 3 })
    const at = (position: number): Tensor<'batch'> => tensor([position], { batch: 1 }, { dtype: 'i32' })
    const allowed = tensor([1, 0, 1], { batch: 1, position: 3 })
    expect(() => spanLoss(logits, logits, { start: at(1), end: at(2) }, { allowed })).toThrow('1 of text 0')
    expect(() => spanLoss(logits, logits, { start: at(0), end: at(3) })).toThrow(UsageError)
  })
})
