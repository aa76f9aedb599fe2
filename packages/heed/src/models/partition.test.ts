import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { combine, leavesOf, partition, randomKey, UsageError } from '../base/index.js'
import { isTensor, mean, scope, tensor, type Tensor } from '../tensor/index.js'
import { createDecoder, type Decoder, decoderConfig, decoderLogits } from './index.js'

const config = decoderConfig({ vocabulary: 12, context: 8, width: 8, layers: 3, heads: 2, bias: true })

test('any two parts make the whole again, leaf by leaf', () => {
  const model = createDecoder(config, randomKey(1))
  const leaves = leavesOf<Tensor>(model, isTensor)
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: leaves.size, maxLength: leaves.size }), (choices) => {
      const names = [...leaves.keys()]
      const [one, other] = partition(model, isTensor, (_, path) => choices[names.indexOf(path)]!)
      expect(leavesOf(one, isTensor).size + leavesOf(other, isTensor).size).toBe(leaves.size)
      const again = leavesOf<Tensor>(combine<Decoder, Tensor>(one, other, isTensor), isTensor)
      expect([...again.keys()].join()).toBe(names.join())
      for (const [path, leaf] of leaves) expect(again.get(path) === leaf, path).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('gradients of a part are those of the whole, and there are no others', () => {
  const ids = tensor([1, 5, 3, 2], { batch: 1, position: 4 }, { dtype: 'i32' })
  scope(() => {
    const model = createDecoder(config, randomKey(2))
    const loss = (whole: Decoder): Tensor<never> =>
      mean(decoderLogits(whole, config, ids).mul(decoderLogits(whole, config, ids)))
    const all = leavesOf<Tensor>(grad(loss)(model), isTensor)
    const [trained, frozen] = partition(model, isTensor, (_, path) => path.startsWith('blocks.2.'))
    const part = leavesOf<Tensor>(
      grad((own: typeof trained) => loss(combine<Decoder, Tensor>(own, frozen, isTensor)))(trained),
      isTensor,
    )
    expect([...part.keys()]).toEqual([...all.keys()].filter((path) => path.startsWith('blocks.2.')))
    for (const [path, leaf] of part) {
      const whole = all.get(path)!.values()
      const largest = leaf.values().reduce((most, one, i) => Math.max(most, Math.abs(one - whole[i]!)), 0)
      expect(largest, path).toBeLessThan(1e-6)
    }
  })
})

test('parts that don’t belong together are refused', () => {
  const model = createDecoder(config, randomKey(3))
  expect(() => combine(model as never, model as never, isTensor)).toThrow(UsageError)
  const [part] = partition({ layers: [model.norm] }, isTensor, () => true)
  expect(() => combine(part as never, { layers: [] } as never, isTensor)).toThrow(UsageError)
})
