import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { grad } from '../autograd/index.js'
import { leavesOf, randomKey, type PartOf } from '../base/index.js'
import { type ModelLeaf, quantizeTree } from '../checkpoint/index.js'
import {
  createDecoder,
  type Decoder,
  decoderConfig,
  decoderLogits,
  type DecoderOptions,
  encoderOutput,
  llamaLeaves,
  loadEncoder,
  saveAdapter,
  saveModel,
  trainableOf,
  withLowRank,
} from '../models/index.js'
import { isLowRank, type Quantized } from '../nn/index.js'
import { crossEntropy, isTensor, scope, type Tensor, tensor, withDevice } from '../tensor/index.js'
import { adamw, constantSchedule, textClassification, tokenBatches, train, Trainer } from './index.js'
import { sentences } from './objectives/testing/texts.js'
import { temporaryFolder, writeTinyModel } from './objectives/testing/tiny-model.js'
import { devices } from './testing/devices.js'
import { bitsOfTree } from './testing/small-run.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

const config = decoderConfig({ vocabulary: 16, context: 8, width: 16, layers: 2, heads: 2, tied: true })
const tokens = Uint16Array.from({ length: 400 }, (_, i) => (i * i) % 7)
type Part = PartOf<Quantized<Decoder>, ModelLeaf>

const lossOf = (
  model: Quantized<Decoder>,
  inputs: Tensor<'batch' | 'position'>,
  targets: Tensor<'batch' | 'position'>,
  options: DecoderOptions = {},
): Tensor<never> => crossEntropy(decoderLogits(model, config, inputs, options), targets, 'vocabulary')

/** A model in int8 with changes of low rank on all layers, and norms that are trained whole. */
function adapted() {
  const plain = createDecoder(config, randomKey(1))
  const model = quantizeTree(plain, { leaves: llamaLeaves() }, 'int8')
  return withLowRank(
    { architecture: undefined, config, model },
    {
      targets: ['blocks'],
      rank: 2,
      dropout: 0.1,
      trained: ['norm', 'embedding', 'blocks.*.attentionNorm'],
      seed: 3,
    },
  )
}

describe.each(devices.slice(1))('changes of low rank on %s', (_, device) => {
  const trainerOf = (loaded: ReturnType<typeof adapted>, folder: string): Trainer<Part, never> => {
    const { part, whole } = trainableOf(loaded)
    const loss = (
      own: Part,
      { inputs, targets }: { inputs: Tensor<'batch' | 'position'>; targets: Tensor<'batch' | 'position'> },
      context: { key: ReturnType<typeof randomKey>; training: boolean },
    ): Tensor<never> => lossOf(whole(own, context), inputs, targets)
    return new Trainer({
      model: part,
      loss,
      optimizer: adamw({ decay: 0.01 }),
      schedule: constantSchedule({ peak: 0.02 }),
      data: tokenBatches(tokens, { batch: 4, context: 8, seed: 1 }),
      steps: 8,
      clip: 1,
      checkpoint: { folder, everySteps: 4 },
    }) as unknown as Trainer<Part, never>
  }

  test('a training lowers the loss, leaves the weights below alone, and goes on to the same bits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'heed-low-rank-'))
    try {
      const loaded = withDevice(device, adapted)
      const whole = withDevice(device, () => trainerOf(loaded, join(folder, 'whole')))
      const paths = [...leavesOf<Tensor>(whole.model, isTensor).keys()]
      expect(paths.filter((path) => !/\.weight\.(down|up)$|orm\.weight$|^embedding/.test(path))).toEqual([])
      const state = leavesOf<Tensor>(whole.optimizerState.moments['first'], isTensor)
      expect([...state.keys()].join()).toBe(paths.join())
      const first = whole.takeStep().loss
      for (let step = 1; step < 4; step++) whole.takeStep()
      await whole.save()
      let last = NaN
      for (let step = 4; step < 8; step++) last = whole.takeStep().loss
      expect(last).toBeLessThan(first - 0.2)

      const again = withDevice(device, () => trainerOf(withDevice(device, adapted), join(folder, 'whole')))
      await again.resume()
      expect(again.step).toBe(4)
      for (let step = 4; step < 8; step++) again.takeStep()
      const bits = (trainer: Trainer<Part, never>): string =>
        bitsOfTree([trainer.model, trainer.optimizerState])
      expect(bits(again) === bits(whole)).toBe(true)
      // Whoever has the model below has it still.
      const { weight } = loaded.model.blocks[0]!.attention.query
      expect(isLowRank(weight) && !weight.base.freed).toBe(true)
      for (const trainer of [whole, again]) trainer.dispose()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('blocks that are computed again have the same gradients', () => {
    withDevice(device, () =>
      scope(() => {
        const { part, whole } = trainableOf(adapted())
        const ids = tensor(tokens.subarray(0, 8), { batch: 1, position: 8 }, { dtype: 'i32' })
        const context = { key: randomKey(5), training: true }
        const [plain, again] = [false, true].map((rematerialize) =>
          leavesOf<Tensor>(
            grad((own: Part) => lossOf(whole(own, context), ids, ids, { rematerialize }))(part),
            isTensor,
          ),
        )
        for (const [path, leaf] of plain!) {
          const other = again!.get(path)!.values(leaf.axes)
          expect(
            leaf.values().every((value, i) => value === other[i]),
            path,
          ).toBe(true)
        }
      }),
    )
  })
})

describe('train', () => {
  const { path: folder, remove } = temporaryFolder()
  afterAll(remove)

  async function run(given: { folder?: string; signal?: AbortSignal; onStep?: (step: number) => void }) {
    const base = await loadEncoder(folder, {
      head: { name: 'SequenceClassification', labels: ['animal', 'tool'] },
    })
    const model = withLowRank(base, {
      targets: ['blocks'],
      rank: 4,
      dropout: 0.1,
      trained: ['head', 'pooler', 'embedding'],
    })
    const { onStep, ...others } = given
    const trained = await train({
      model,
      objective: textClassification(model),
      data: sentences(64),
      steps: 30,
      batch: 16,
      rate: 0.01,
      seed: 3,
      ...others,
      ...(onStep && { hooks: { onStep: ({ step }) => onStep(step) } }),
    })
    return { base, ...trained }
  }

  test('learns labels by changes of low rank, goes on to the same bits, and leaves the model below alone', async () => {
    await writeTinyModel(folder, 'bert')
    const losses: number[] = []
    const whole = await run({})
    const before = await loadEncoder(folder, {
      head: { name: 'SequenceClassification', labels: ['animal', 'tool'] },
    })
    expect(bitsOfTree(whole.base.model) === bitsOfTree(before.model)).toBe(true)
    expect(whole.result.loss).toBeLessThan(0.5)

    const runs = join(folder, 'runs')
    const controller = new AbortController()
    const stop = (step: number): void => void (step === 9 && controller.abort())
    const stopped = await run({ folder: runs, signal: controller.signal, onStep: stop })
    expect(stopped.result).toMatchObject({ reason: 'stopped', step: 9 })
    const end = await run({ folder: runs, onStep: (step) => void losses.push(step) })
    expect(losses[0]).toBe(10)
    const changes = ({ model }: typeof end): string => bitsOfTree(trainableOf(model).part)
    expect(changes(end) === changes(whole)).toBe(true)

    // Written as an adapter, and merged, it gives the same.
    await saveAdapter(join(folder, 'adapter'), end.model)
    await saveModel(join(folder, 'merged'), end.model)
    const ids = tensor([5, 6, 7, 8], { batch: 1, position: 4 }, { dtype: 'i32' })
    const logits = ({ model, config: design }: Pick<typeof end.model, 'model' | 'config'>): number[] => {
      const output = encoderOutput(model, design, ids)
      if (output.kind !== 'classification') throw new Error(output.kind)
      return [...output.logits.values()]
    }
    const expected = logits(end.model)
    const head = { name: 'SequenceClassification', labels: ['animal', 'tool'] } as const
    const others = [
      await loadEncoder(folder, { head, adapter: join(folder, 'adapter') }),
      await loadEncoder(join(folder, 'merged')),
    ]
    for (const other of others)
      logits(other).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5))
  })
})
