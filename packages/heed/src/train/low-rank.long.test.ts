import { join } from 'node:path'
import { expect, test } from 'vitest'
import { leavesOf } from '../base/index.js'
import { decoderLogits, loadDecoder, trainableOf, withLowRank } from '../models/index.js'
import { hasReal, realNote, weightsFolder } from '../models/testing/real.js'
import { crossEntropy, isTensor, memoryUse, scope, slice, type Tensor, tensor } from '../tensor/index.js'
import { adamw, constantSchedule, Trainer } from './index.js'

const folder = 'SmolLM2-135M-Instruct'
const is = hasReal('smollm2', folder)

// Blocks of GGUF below, as the file has them (Q4_1), and changes of low rank above.
test.skipIf(!is)(
  `SmolLM2 in 4 bits learns a text by changes of low rank (${realNote})`,
  { timeout: 900_000 },
  async () => {
    const file = join(weightsFolder(folder), `${folder}.Q4_1.gguf`)
    const loaded = await loadDecoder(file, { weights: 'stored' })
    const adapted = withLowRank(loaded, {
      targets: ['blocks.*.attention.query', 'blocks.*.attention.value'],
      rank: 8,
      alpha: 16,
      dropout: 0.05,
    })
    const { part, whole } = trainableOf(adapted)
    const trained = [...leavesOf<Tensor>(part, isTensor).values()].reduce(
      (sum, { elements }) => sum + elements,
      0,
    )
    expect(trained).toBe(30 * 8 * (2 * 576 + 576 + 192))
    const text =
      'The clerk of the tides keeps two ledgers, one for what the sea takes and one for what it gives back, ' +
      'and at each new moon he reads both aloud to the empty harbour.'
    const ids = loaded.tokenizer.encode(text).ids
    const numbers = tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
    const trainer = new Trainer({
      model: part,
      loss: (own, { inputs, targets }: { inputs: typeof numbers; targets: typeof numbers }, context) =>
        crossEntropy(decoderLogits(whole(own, context), loaded.config, inputs), targets, 'vocabulary'),
      optimizer: adamw(),
      schedule: constantSchedule({ peak: 0.003 }),
      data: {
        batchesPerEpoch: 1,
        tokensPerBatch: ids.length - 1,
        fingerprint: 'one text',
        batch: () => ({
          inputs: slice(numbers, 'position', 0, ids.length - 1),
          targets: slice(numbers, 'position', 1, ids.length),
        }),
      },
      steps: 5,
      clip: 1,
    })
    const before = memoryUse().bytes
    const losses = Array.from({ length: 5 }, () => scope(() => trainer.takeStep().loss))
    expect(losses.at(-1)!, losses.join()).toBeLessThan(losses[0]! - 0.5)
    expect(memoryUse().bytes).toBeLessThanOrEqual(before + 2 ** 16)
    trainer.dispose()
  },
)
