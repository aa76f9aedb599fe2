import { expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { generate } from '../models/index.js'
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
].map(([wrong, meant, call]) => [wrong, meant, call] as never)

test.each(calls)("'%s' is refused, with '%s' for it", (wrong, meant, call) => {
  expect(call).toThrow(UsageError)
  expect(call).toThrow(`found '${wrong}'; ${meant === undefined ? 'remove it' : `did you mean '${meant}'?`}`)
})

test('options that are no record are refused', () => {
  expect(() => adamw(0.1 as never)).toThrow(/options to be a record, found number/)
  expect(() => new Trainer({ ...smallRun(1), evaluation: [] as never })).toThrow(
    /evaluation to be a record, found an array/,
  )
})
