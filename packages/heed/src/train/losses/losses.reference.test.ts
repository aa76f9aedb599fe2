import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkGradient, valueAndGrad } from '../../autograd/index.js'
import { Device } from '../../device/index.js'
import { interpreter, wasmTarget } from '../../targets/index.js'
import { crossEntropy, scope, type Tensor, tensor, withDevice } from '../../tensor/index.js'
import {
  clipLoss,
  cosentLoss,
  cosineSimilarityLoss,
  distillLogits,
  distillVectors,
  inBatchNegativesLoss,
  listwiseLoss,
  matryoshkaLoss,
  rankNetLoss,
  siglipLoss,
  spanLoss,
  tripletLoss,
  type Vectors,
} from './index.js'
import { cosinesOf } from './vectors.js'

interface Numbers {
  readonly shape: readonly number[]
  readonly values: readonly (number | string)[]
}
interface Case {
  readonly name: string
  readonly of: string
  readonly options: Readonly<Record<string, never>>
  readonly learned: Readonly<Record<string, Numbers>>
  readonly constants: Readonly<Record<string, Numbers>>
  readonly loss: number
  readonly gradients: Readonly<Record<string, readonly number[]>>
}
type Named = Readonly<Record<string, Tensor>>

const { cases } = JSON.parse(readFileSync(new URL('testing/reference.json', import.meta.url), 'utf8')) as {
  cases: readonly Case[]
}

type Loss = (given: Named, options: Case['options']) => Tensor<never>
/** The losses by the beginning of the cases' names. */
const losses: Readonly<Record<string, Loss>> = {
  'in-batch': ({ a, b, negatives }, options) =>
    inBatchNegativesLoss(a as never, b as never, { ...options, negatives: negatives as never }),
  clip: ({ a, b, log_scale }) => clipLoss(a as never, b as never, log_scale as never),
  siglip: ({ a, b, log_scale, bias }) =>
    siglipLoss(a as never, b as never, log_scale as never, bias as never),
  cosent: ({ a, b, targets }, options) =>
    cosentLoss(cosinesOf(a as never, b as never), targets as never, options),
  'cosine-similarity': ({ a, b, targets }) => cosineSimilarityLoss(a as never, b as never, targets as never),
  triplet: ({ a, b, negatives }, options) => tripletLoss(a as never, b as never, negatives as never, options),
  matryoshka: ({ a, b }, options) =>
    matryoshkaLoss(
      [a, b] as unknown as readonly [Vectors, Vectors],
      (one, other) => inBatchNegativesLoss(one, other),
      options as never,
    ),
  'distill-logits': ({ student, teacher, labels }, options) =>
    distillLogits(student as Logits, teacher as Logits, 'label', { ...options, labels: labels as never }),
  distill: ({ a, teacher }, { kind }) => distillVectors(a as never, teacher as never, kind),
  'rank-net': ({ scores, relevance }) => rankNetLoss(scores as never, relevance as never),
  list: ({ scores, relevance }, { targets }) => listwiseLoss(scores as never, relevance as never, targets),
  span: ({ start, end, first, last, allowed }) =>
    spanLoss(
      start as never,
      end as never,
      { start: first as never, end: last as never },
      { allowed: allowed as never },
    ),
  'cross-entropy': ({ student, labels, weights }) =>
    crossEntropy(student as Logits, labels as never, 'label', {
      labelSmoothing: 0.1,
      classWeights: weights as never,
    }),
}
type Logits = Tensor<'batch' | 'label'>

function lossOf(name: string): Loss {
  const fits = Object.keys(losses).filter((start) => name.startsWith(start))
  return losses[fits.sort((a, b) => b.length - a.length)[0]!]!
}

const whole = new Set(['labels', 'first', 'last'])
const byRow = ['batch', 'width']
const axes: Readonly<Record<string, readonly string[]>> = {
  log_scale: [],
  bias: [],
  targets: ['batch'],
  labels: ['batch'],
  first: ['batch'],
  last: ['batch'],
  weights: ['label'],
  student: ['batch', 'label'],
  scores: ['query', 'document'],
  relevance: ['query', 'document'],
  start: ['batch', 'position'],
  end: ['batch', 'position'],
  allowed: ['batch', 'position'],
}

function tensorsIn(reference: Case, which: 'learned' | 'constants'): Named {
  return Object.fromEntries(
    Object.entries(reference[which]).map(([name, { shape, values }]) => {
      const own =
        name === 'teacher' && 'student' in reference.learned ? axes['student']! : (axes[name] ?? byRow)
      const sizes = Object.fromEntries(own.map((axis, i) => [axis, shape[i]!]))
      const numbers = values.map((value) =>
        typeof value === 'number' ? value : value === '-inf' ? -Infinity : NaN,
      )
      return [name, tensor(numbers, sizes, { dtype: whole.has(name) ? 'i32' : 'f32' }) as Tensor]
    }),
  )
}

/** The largest difference, over the largest expected number or 1. */
function difference(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length)
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
  return expected.reduce((most, value, i) => {
    const error = Math.abs(found[i]! - value) / largest
    return error <= most ? most : error
  }, 0)
}

const devices = [
  { name: 'interpreter, f64', device: new Device(interpreter), tolerance: 1e-12 },
  {
    name: 'wasm, f32',
    device: new Device(wasmTarget({ lanes: 4, relaxed: false, shared: false })),
    tolerance: 2e-6,
  },
] as const

describe.each(devices)('as PyTorch and sentence-transformers have them: $name', ({ device, tolerance }) => {
  test.each(cases)('$name by $of', (reference) => {
    withDevice(device, () =>
      scope(() => {
        const constants = tensorsIn(reference, 'constants')
        const loss = (learned: Named): Tensor<never> =>
          lossOf(reference.name)({ ...constants, ...learned }, reference.options)
        const { value, gradient } = valueAndGrad(loss)(tensorsIn(reference, 'learned'))
        expect(difference([value.item()], [reference.loss])).toBeLessThan(tolerance)
        for (const [name, expected] of Object.entries(reference.gradients)) {
          const found = (gradient as Named)[name]!
          const order = found.layout.map(({ name: axis }) => axis)
          const declared = (axes[name] ?? byRow).filter((axis) => order.includes(axis))
          expect(difference(found.values(declared), expected), name).toBeLessThan(tolerance)
        }
      }),
    )
  })
})

test.each(cases)('the gradient of $name is that of finite differences', (reference) => {
  withDevice(devices[0].device, () =>
    scope(() => {
      const constants = tensorsIn(reference, 'constants')
      const loss = (learned: Named): Tensor<never> =>
        lossOf(reference.name)({ ...constants, ...learned }, reference.options)
      const { error, at } = checkGradient(loss, tensorsIn(reference, 'learned'), 1e-6)
      expect(error, at).toBeLessThan(1e-7)
    }),
  )
})

test('every loss has a case, and every case its loss', () => {
  const used = new Set(cases.map(({ name }) => lossOf(name)))
  expect(used.size).toBe(Object.keys(losses).length)
})
