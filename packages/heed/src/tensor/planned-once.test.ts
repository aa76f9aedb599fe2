import { expect, test, vi } from 'vitest'
import { valueAndGrad } from '../autograd/index.js'
import { randomKey } from '../base/index.js'
import { launchOf } from '../kernels/launch.js'
import { causal } from '../nn/index.js'
import {
  argmax,
  attention,
  capture,
  cast,
  concat,
  crossEntropy,
  dot,
  dropout,
  gather,
  gruCell,
  layerNorm,
  logSoftmax,
  lstmCell,
  map,
  max,
  mean,
  normal,
  quantize,
  gatherQuantized,
  rmsNorm,
  rotate,
  type Score,
  scope,
  softmax,
  square,
  sum,
  tensor,
  zeros,
} from './index.js'

vi.mock(import('../kernels/launch.js'), async (original) => {
  const actual = await original()
  return { ...actual, launchOf: vi.fn<typeof launchOf>(actual.launchOf) as typeof launchOf }
})

const [a, b] = [normal(randomKey(1), { row: 3, column: 8 }), normal(randomKey(2), { column: 8, out: 8 })]
const weight = normal(randomKey(3), { column: 8 })
const ids = tensor([2, 0, 1], { row: 3 }, { dtype: 'i32' })
const [query, key] = [
  normal(randomKey(4), { head: 2, query: 3, width: 4 }),
  normal(randomKey(5), { head: 2, key: 3, width: 4 }),
]
const slope = tensor([1, 0.5], { head: 2 })
const steep: Score = (score, { head, query, key }) =>
  score.sub(capture(slope).at({ head }).mul(query.sub(key)))
const share = normal(randomKey(6), { gate: 3, row: 3, column: 8 })
const lstmShare = normal(randomKey(7), { gate: 4, row: 3, column: 8 })
const [cosine, sine] = [zeros({ pair: 4 }), zeros({ pair: 4 })]
const packed = quantize(normal(randomKey(8), { vocabulary: 5, width: 32 }), 'width', 'int8')

/** With the gradient of the sum of its squares. */
function withGradient<T extends object>(tree: T, work: (tree: T) => unknown): () => unknown {
  const step = valueAndGrad((given: T) => sum(square(work(given) as typeof a)))
  return () => step(tree)
}

const works: Readonly<Record<string, () => unknown>> = {
  map: () => map((x) => x.mul(3).exp(), a),
  'sum, mean, max': withGradient({ a }, ({ a }) =>
    concat([sum(a, 'row'), mean(a, 'row'), max(a, 'row')], 'column'),
  ),
  softmax: withGradient({ a }, ({ a }) => softmax(a, 'row')),
  logSoftmax: withGradient({ a }, ({ a }) => logSoftmax(a, 'column')),
  layerNorm: withGradient({ a, weight }, ({ a, weight }) => layerNorm(a, 'column', { weight, bias: weight })),
  rmsNorm: withGradient({ a, weight }, ({ a, weight }) => rmsNorm(a, 'column', { weight })),
  dot: withGradient({ a, b }, ({ a, b }) => dot(a, b, 'column', { activation: 'gelu' })),
  crossEntropy: withGradient({ a }, ({ a }) => crossEntropy(a, ids, 'column', { labelSmoothing: 0.1 })),
  argmax: () => argmax(a, 'row'),
  cast: () => cast(ids, 'f32'),
  dropout: withGradient({ a }, ({ a }) => dropout(a, 0.5, randomKey(9))),
  gather: () => gather(b, ids, 'column'),
  'gather of quantized weights': () => gatherQuantized(packed, ids, 'vocabulary'),
  rotate: withGradient({ a }, ({ a }) => rotate(a, 'column', cosine, sine, 'half')),
  gruCell: withGradient({ share, a }, ({ share, a }) => gruCell(share, share, a)),
  lstmCell: withGradient(
    { lstmShare, a },
    ({ lstmShare, a }) => lstmCell(lstmShare, lstmShare, { hidden: a, cell: a }).hidden,
  ),
  attention: withGradient({ query, key, slope }, ({ query, key }) =>
    attention(query, key, key as never, { score: steep, mask: causal }),
  ),
}

test.each(Object.entries(works))('%s is planned once', (_, work) => {
  // A product packs its second operand when it is asked for it again.
  for (let i = 0; i < 3; i++) scope(work)
  expect(launchOf).toHaveBeenCalled()
  vi.mocked(launchOf).mockClear()
  scope(work)
  expect(launchOf).not.toHaveBeenCalled()
})
