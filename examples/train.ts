/**
 * A decoder learns to repeat what it has read. Its filters start out even, and end up pointing back at what
 * is to be repeated.
 */
import {
  adamw,
  collect,
  cosineSchedule,
  createDecoder,
  crossEntropy,
  type Decoder,
  decoderConfig,
  decoderLogits,
  exampleBatches,
  permutation,
  randomKey,
  scope,
  tensor,
  type Tensor,
  Trainer,
} from 'heed'

const length = 12
const config = decoderConfig({ vocabulary: 32, context: 2 * length, width: 64, layers: 2, heads: 2 })

/** Some symbols in random order, and then the same ones again. */
const rows = Array.from({ length: 2000 }, (_, i) => {
  const symbols = permutation(randomKey(7, i), config.vocabulary).subarray(0, length)
  return [...symbols, ...symbols]
})

interface Batch {
  readonly inputs: Tensor<'batch' | 'position'>
  readonly targets: Tensor<'batch' | 'position'>
}
function collate(examples: readonly (readonly number[])[]): Batch {
  const shape = { batch: examples.length, position: 2 * length - 1 }
  const inputs = examples.flatMap((row) => row.slice(0, -1))
  // Only the second half can be known; −100 does not count.
  const targets = examples.flatMap((row) => row.slice(1).map((id, place) => (place < length - 1 ? -100 : id)))
  return {
    inputs: tensor(inputs, shape, { dtype: 'i32' }),
    targets: tensor(targets, shape, { dtype: 'i32' }),
  }
}

/** Where each head looks from the second half: the distance with the most weight, and how much that is. */
function report(model: Decoder): void {
  scope(() => {
    const { inputs } = collate([rows[0]!])
    const { values } = collect(['blocks.*.attention.filter'], () => decoderLogits(model, config, inputs))
    for (const [name, value] of values) {
      const filter = value.withAxes('batch', 'head', 'query', 'key')
      for (let head = 0; head < config.heads; head++) {
        const weights = filter.at('batch', 0).at('head', head).values(['query', 'key'])
        const size = 2 * length - 1
        const byDistance = Array.from({ length }, (_, distance) => {
          let sum = 0
          for (let query = length; query < size; query++) sum += weights[query * size + query - distance]!
          return sum / (size - length)
        })
        const most = Math.max(...byDistance)
        console.log(`  ${name}, head ${head}: ${byDistance.indexOf(most)} back, weight ${most.toFixed(2)}`)
      }
    }
  })
}

const steps = 200
const trainer = new Trainer<Decoder, Batch>({
  model: createDecoder(config, randomKey(1)),
  data: exampleBatches(rows, { batch: 16, collate }),
  loss: (model, { inputs, targets }) =>
    crossEntropy(decoderLogits(model, config, inputs), targets, 'vocabulary'),
  optimizer: adamw({ decay: 0.01 }),
  schedule: cosineSchedule({ peak: 0.006, warmUp: 20, total: steps }),
  clip: 1,
  steps,
  hooks: {
    onStep({ step, loss }) {
      if (step === 1 || step % 40 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`)
    },
  },
})
console.log('before training')
report(trainer.model)
await trainer.run()
console.log('after training')
report(trainer.model)
trainer.dispose()
