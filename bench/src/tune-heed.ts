/** heed's side of `tune.ts`: the same requests as `peers/torch/tune.py` answers. */
import { readFileSync } from 'node:fs'
import {
  adamw,
  constantSchedule,
  crossEntropy,
  type Encoder,
  encoderStates,
  type Linear,
  linear,
  matricesDecay,
  ofFamily,
  poolMean,
  type Precision,
  type Quantized,
  readModel,
  type Tensor,
  tensor,
  trainableOf,
  Trainer,
  withLowRank,
} from 'heed'
import { answerLines, spent } from './line-answers.js'

const [path, kind, precision] = process.argv.slice(2) as [string, string, Precision]
const [batch, position] = [32, 128]
const loaded = ofFamily(readModel(path), 'encoder')
const { config } = loaded
const { part, whole } = trainableOf<Quantized<Encoder>>(
  kind === 'all'
    ? loaded
    : withLowRank(loaded, {
        targets: ['blocks.*.attention.query', 'blocks.*.attention.value'],
        rank: 16,
        alpha: 16,
      }),
)

/** The ids of a batch, and of each text its class: the same on both sides. */
const idOf = (step: number, at: number): number => 1000 + (((step * 4096 + at) * 7919) % 20000)
const ids = (step: number): Int32Array =>
  Int32Array.from({ length: batch * position }, (_, at) => idOf(step, at))
const head: Linear<'width', 'label'> = {
  weight: tensor(
    Float32Array.from({ length: 2 * config.width }, (_, i) => 0.02 * Math.sin(i)),
    { label: 2, width: config.width },
  ),
  bias: tensor([0, 0], { label: 2 }),
}

interface Batch {
  readonly ids: Tensor<'batch' | 'position'>
  readonly classes: Tensor<'batch'>
}

const trainer = new Trainer({
  model: { part, head },
  loss: (own, { ids, classes }: Batch) =>
    crossEntropy(
      linear(own.head, poolMean(encoderStates(whole(own.part), config, ids)), 'width'),
      classes,
      'label',
    ),
  optimizer: adamw({ decay: 0.01, decayed: matricesDecay }),
  schedule: constantSchedule({ peak: 5e-5 }),
  data: {
    batchesPerEpoch: 1000,
    tokensPerBatch: batch * position,
    fingerprint: 'made',
    batch: (step) => ({
      ids: tensor(ids(step), { batch, position }, { dtype: 'i32' }),
      classes: tensor(
        Int32Array.from({ length: batch }, (_, i) => i % 2),
        { batch },
        { dtype: 'i32' },
      ),
    }),
  },
  steps: 1e6,
  precision,
})

await answerLines({
  losses: (count) => Array.from({ length: Number(count) }, () => trainer.takeStep().loss),
  step: (count) =>
    spent(() => {
      for (let i = 0; i < Number(count); i++) trainer.takeStep()
    }),
  peak: () => 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? NaN),
})
