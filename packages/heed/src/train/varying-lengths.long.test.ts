import { expect, test } from 'vitest'
import { integerAt, randomKey } from '../base/index.js'
import { valueAndGrad } from '../autograd/index.js'
import { createDecoder, type Decoder, decoderConfig, decoderLogits } from '../models/index.js'
import { chooseDevice } from '../tensor/choose-device.js'
import { crossEntropy, scope, tensor, type Tensor, withDevice } from '../tensor/index.js'

const steps = 200 * Math.max(1, Number(process.env['HEED_LONG'] ?? 1))
const vocabulary = 50_257

// Logits of GPT-2's vocabulary for texts of 1 to 1,024 tokens, with gradients: blocks from 64 bytes to
// 206 MB, of another size at each step.
test(
  `${steps} steps of texts of varying lengths take at most 1.5 times what is in use at the peak`,
  { timeout: 600_000 * Math.max(1, steps / 200) },
  () => {
    const device = chooseDevice(process.env)
    withDevice(device, () => {
      const config = decoderConfig({ vocabulary, context: 1024, width: 16, layers: 1, heads: 2, hidden: 32 })
      const model = createDecoder(config, randomKey(1))
      const draw = randomKey(2, 'lengths')
      const ids = (key: ReturnType<typeof randomKey>, length: number): Tensor<'batch' | 'position'> =>
        tensor(
          Int32Array.from({ length }, (_, i) => integerAt(key, i, vocabulary)),
          { batch: 1, position: length },
        )
      const step = valueAndGrad((weights: Decoder, length: number, key: ReturnType<typeof randomKey>) =>
        crossEntropy(
          decoderLogits(weights, config, ids(key, length)),
          ids(randomKey(3), length),
          'vocabulary',
        ),
      )
      const { heap } = device
      let before = 0
      for (let i = 0; i < steps; i++) {
        const length = 1 + integerAt(draw, i, 1024)
        const loss = scope(() => step(model, length, randomKey(4, i)).value.item())
        expect(loss).toBeGreaterThan(0)
        const { used, peak, reserved } = heap.use()
        expect(reserved, `step ${i}, ${length} tokens`).toBeLessThanOrEqual(1.5 * peak)
        // Kernels, scratch and tables of positions come to an end.
        if (i === steps >> 1) before = used
        if (i > steps >> 1) expect(used).toBeLessThanOrEqual(before + 2 ** 22)
      }
    })
  },
)
