import { expect, test } from 'vitest'
import { randomKey, UsageError } from '../base/index.js'
import { batchOf } from '../models/index.js'
import { generate } from '../generation/index.js'
import { createBlock, createCrossBlock, crossDecoderBlock, decoderBlock, encoderBlock } from '../nn/index.js'
import { attention, attentionFilter, attentionScores, crossEntropy, tensor, zeros } from '../tensor/index.js'
import { trainByteLevel } from '../text/index.js'
import {
  adafactor,
  adam,
  adamw,
  constantSchedule,
  cosineSchedule,
  evaluationBatches,
  exampleBatches,
  inverseSquareRootSchedule,
  linearSchedule,
  lion,
  sgd,
  tokenBatches,
  Trainer,
  trapezoidSchedule,
} from './index.js'
import { smallRun } from './testing/small-run.js'

const tokens = new Uint16Array(100)
const collate = (examples: readonly number[]): number => examples.length
const falling = { peak: 1, total: 10 }

const query = zeros({ query: 2, width: 4 })
const key = zeros({ key: 2, width: 4 })
const x = zeros({ batch: 1, position: 2, width: 4 })
const block = createBlock(randomKey(1), { width: 4, heads: 1, hidden: 4 })
const crossBlock = createCrossBlock(randomKey(1), { width: 4, heads: 1, hidden: 4 })
const mask = (): never => 0 as never

/** Each call with a name that nobody reads, which TypeScript refuses and JavaScript does not. */
const calls: readonly (readonly [wrong: string, meant: string, call: () => unknown])[] = [
  // @ts-expect-error
  ['beta', 'betas', () => adamw({ beta: [0.9, 0.95] })],
  // @ts-expect-error
  ['eps', 'epsilon', () => adam({ eps: 1e-6 })],
  // @ts-expect-error
  ['nestrov', 'nesterov', () => sgd({ momentum: 0.9, nestrov: true })],
  // @ts-expect-error
  ['weightDecay', undefined, () => lion({ decay: 0.1, weightDecay: 1 })],
  // @ts-expect-error
  ['treshold', 'threshold', () => adafactor({ treshold: 2 })],
  // @ts-expect-error
  ['warmup', 'warmUp', () => constantSchedule({ peak: 1, warmup: 10 })],
  // @ts-expect-error
  ['warmup', 'warmUp', () => cosineSchedule({ ...falling, warmup: 10 })],
  // @ts-expect-error
  ['min', 'minimum', () => linearSchedule({ ...falling, min: 0 })],
  // @ts-expect-error
  ['cooldown', 'coolDown', () => trapezoidSchedule({ ...falling, coolDown: 1, cooldown: 3 })],
  // @ts-expect-error
  ['scales', 'scale', () => inverseSquareRootSchedule({ width: 8, warmUp: 1, scales: 2 })],
  // @ts-expect-error
  ['shufle', 'shuffle', () => tokenBatches(tokens, { batch: 1, context: 4, shufle: false })],
  // @ts-expect-error
  ['strides', 'stride', () => evaluationBatches(tokens, { batch: 1, context: 4, strides: 2 })],
  // @ts-expect-error
  ['droplast', 'dropLast', () => exampleBatches([1, 2], { batch: 1, collate, droplast: true })],
  // @ts-expect-error
  ['accumulate', 'accumulation', () => new Trainer({ ...smallRun(1), accumulate: 4 })],
  // @ts-expect-error
  ['onSteps', 'onStep', () => new Trainer({ ...smallRun(1), hooks: { onSteps: () => {} } })],
  [
    'everyStep',
    'everySteps',
    // @ts-expect-error
    () => new Trainer({ ...smallRun(1), checkpoint: { folder: 'x', everyStep: 1 } }),
  ],
  [
    'at',
    undefined,
    // @ts-expect-error
    () => new Trainer({ ...smallRun(1), evaluation: { ...smallRun(1).evaluation!, at: true } }),
  ],
  // @ts-expect-error
  ['vocabulary', 'vocabularySize', () => trainByteLevel([], { vocabularySize: 300, vocabulary: 300 })],
  // @ts-expect-error
  ['topk', 'topK', () => generate({} as never, {} as never, [1], { tokens: 1, topk: 3 })],
  // @ts-expect-error
  ['masks', 'mask', () => attention(query, key, key, { masks: mask })],
  // @ts-expect-error
  ['scores', 'score', () => attentionScores(query, key, { scores: mask })],
  // @ts-expect-error
  ['sinks', 'sink', () => attentionFilter(query, key, { sinks: 1 })],
  // @ts-expect-error
  ['ignored', 'ignore', () => crossEntropy(query, tensor([0, 1], { query: 2 }), 'width', { ignored: 0 })],
  // @ts-expect-error
  ['mask', undefined, () => encoderBlock(block, x, { mask })],
  // @ts-expect-error
  ['caches', 'cache', () => decoderBlock(block, x, { caches: undefined })],
  [
    'crossattention',
    'crossAttention',
    // @ts-expect-error
    () => crossDecoderBlock(crossBlock, x, x, { crossattention: { mask } }),
  ],
].map(([wrong, meant, call]) => [wrong, meant, call] as never)

test.each(calls)("'%s' is refused, with '%s' for it", (wrong, meant, call) => {
  expect(call).toThrow(UsageError)
  expect(call).toThrow(`found '${wrong}'; ${meant === undefined ? 'remove it' : `did you mean '${meant}'?`}`)
})

test('options that are missing are told by what they lack', () => {
  const model = { weight: tensor([1], { a: 1 }) }
  const optimizer = adamw()
  const { update } = optimizer as unknown as { update: (...values: readonly unknown[]) => unknown }
  expect(() => update(model, model, optimizer.init(model))).toThrow(
    /adamw: expected a rate .* found undefined/,
  )
  const batch = batchOf as (...values: readonly unknown[]) => unknown
  expect(() => batch([{ ids: [1] }])).toThrow(/batchOf: expected pad .* found undefined/)
})

test('a trainer without data, loss or schedule is refused when it is made', () => {
  for (const name of ['loss', 'schedule'])
    expect(() => new Trainer({ ...smallRun(1), [name]: 0.1 as never })).toThrow(
      `Trainer: expected ${name} to be a function`,
    )
  expect(() => new Trainer({ ...smallRun(1), data: [1, 2] as never })).toThrow(
    'Trainer: expected data.batch to be a function, found undefined',
  )
})

test('options that are no record are refused', () => {
  expect(() => attention(query, key, key, mask as never)).toThrow(/options to be a record, found function/)
  expect(() => adamw(0.1 as never)).toThrow(/options to be a record, found number/)
  expect(() => new Trainer({ ...smallRun(1), evaluation: [] as never })).toThrow(
    /evaluation to be a record, found an array/,
  )
})
