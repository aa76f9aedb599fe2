import { afterAll, describe, expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import {
  binaryCrossEntropy,
  countOf,
  crossEntropy,
  dot,
  memoryUse,
  map,
  mean,
  meanSquaredError,
  sum,
  tensor,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import {
  accuracy,
  constantSchedule,
  type Data,
  type EvaluationEvent,
  exampleBatches,
  type Loss,
  sgd,
  Trainer,
} from './index.js'
import { devices } from './testing/devices.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

/** An example has a few inputs, each with the class that follows it; −100 counts for nothing. */
interface Example {
  readonly inputs: readonly (readonly [number, number])[]
  readonly targets: readonly number[]
}
interface Batch {
  readonly inputs: Tensor<'batch' | 'position' | 'width'>
  readonly targets: Tensor<'batch' | 'position'>
}
interface Model {
  readonly weight: Tensor<'width' | 'class'>
}

const positions = 6
const examples: readonly Example[] = [5, 1, 0, 3, 6, 2, 4].map((counted, i) => ({
  inputs: Array.from({ length: positions }, (_, at) => [Math.sin(7 * i + at), Math.cos(3 * i - at)] as const),
  targets: Array.from({ length: positions }, (_, at) => (at < counted ? (i + at * at) % 3 : -100)),
}))

const collate = (chosen: readonly Example[]): Batch => ({
  inputs: tensor(
    chosen.flatMap(({ inputs }) => inputs.flat()),
    { batch: chosen.length, position: positions, width: 2 },
  ),
  targets: tensor(
    chosen.flatMap(({ targets }) => targets),
    { batch: chosen.length, position: positions },
    { dtype: 'i32' },
  ),
})

/** The same examples, cut into batches of these sizes. */
function cut(sizes: readonly number[]): Data<Batch> {
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0))
  return {
    batchesPerEpoch: sizes.length,
    tokensPerBatch: 0,
    fingerprint: sizes.join(),
    batch: (index) => {
      const i = index % sizes.length
      return collate(examples.slice(starts[i]!, starts[i]! + sizes[i]!))
    },
    examples: (index) => sizes[index % sizes.length]!,
  }
}

const cuts = [[7], [1, 1, 1, 1, 1, 1, 1], [1, 6], [3, 1, 3], [5, 2]]
const logitsOf = ({ weight }: Model, { inputs }: Batch) => dot(inputs, weight, 'width')

/** Losses that say what they count in each of the ways that there are. */
const losses: Readonly<Record<string, Loss<Model, Batch>>> = {
  'targets that are not ignored': (model, batch) => {
    const logits = logitsOf(model, batch)
    return {
      loss: crossEntropy(logits, batch.targets, 'class'),
      metrics: {
        accuracy: accuracy(logits, batch.targets, 'class'),
        largest: mean(logits),
        plain: crossEntropy(logits, batch.targets, 'class').item(),
      },
    }
  },
  'with a penalty and a factor': (model, batch) =>
    crossEntropy(logitsOf(model, batch), batch.targets, 'class')
      .mul(0.5)
      .add(sum(model.weight.mul(model.weight))),
  'elements of a mean': (model, batch) => mean(map((x) => x.square().sub(x), logitsOf(model, batch))),
  'examples, where nothing else is said': (model, batch) => {
    const logits = logitsOf(model, batch)
    return sum(map((x) => x.square(), logits)).div(logits.size('batch'))
  },
  'a weight that the loss reports': (model, batch) => {
    const losses = crossEntropy(logitsOf(model, batch), batch.targets, 'class', { reduction: 'none' })
    const weight = [...batch.targets.values()].filter((target) => target >= 0).length
    return { loss: sum(losses).div(Math.max(1, weight)), weight }
  },
}

describe.each(devices)('one mean, however the batches are cut, on %s', (_, device) => {
  const trainerOf = (loss: Loss<Model, Batch>, sizes: readonly number[], events: EvaluationEvent[] = []) =>
    withDevice(
      device,
      () =>
        new Trainer<Model, Batch>({
          model: { weight: tensor([0.3, -0.2, 0.1, 0.5, -0.4, 0.2], { width: 2, class: 3 }) },
          loss,
          optimizer: sgd({ momentum: 0.5 }),
          schedule: constantSchedule({ peak: 0.25 }),
          data: cut(sizes),
          steps: 2,
          accumulation: sizes.length,
          clip: 0.3,
          evaluation: { data: cut(sizes), every: 1 },
          hooks: { onEvaluation: (event) => void events.push({ ...event, model: undefined }) },
        }),
    )

  test.each(Object.keys(losses))('%s', async (name) => {
    const before = memoryUse()
    const found: number[][] = []
    for (const sizes of cuts) {
      const events: EvaluationEvent[] = []
      const trainer = trainerOf(losses[name]!, sizes, events)
      const first = trainer.takeStep()
      await trainer.run()
      found.push([
        first.loss,
        first.gradientNorm,
        ...Object.values(first.metrics),
        ...trainer.model.weight.values(),
        trainer.evaluate(),
        ...events.flatMap(({ loss, bestLoss, metrics }) => [loss, bestLoss, ...Object.values(metrics)]),
      ])
      trainer.dispose()
    }
    const [whole, ...others] = found
    expect(whole!.every(Number.isFinite)).toBe(true)
    for (const other of others) {
      expect(other).toHaveLength(whole!.length)
      other.forEach((value, i) => expect(value).toBeCloseTo(whole![i]!, 5))
    }
    expect(memoryUse()).toEqual(before)
  })

  test('the mean is that over the targets, computed by hand', () =>
    withDevice(device, () => {
      const trainer = trainerOf(losses['targets that are not ignored']!, [1, 6])
      const w = [
        [0.3, -0.2, 0.1],
        [0.5, -0.4, 0.2],
      ]
      let [total, count, right] = [0, 0, 0]
      for (const { inputs, targets } of examples)
        targets.forEach((target, at) => {
          if (target < 0) return
          const logits = [0, 1, 2].map((c) => inputs[at]![0] * w[0]![c]! + inputs[at]![1] * w[1]![c]!)
          total += Math.log(logits.reduce((a, x) => a + Math.exp(x), 0)) - logits[target]!
          if (logits.indexOf(Math.max(...logits)) === target) right++
          count++
        })
      expect(count).toBe(21)
      expect(trainer.evaluate()).toBeCloseTo(total / count, 5)
      const { loss, metrics } = trainer.takeStep()
      expect(loss).toBeCloseTo(total / count, 5)
      expect(metrics['accuracy']).toBeCloseTo(right / count, 12)
      trainer.dispose()
    }))
})

const [, device] = devices[0]!

test('a smaller last batch of exampleBatches weighs less', () =>
  withDevice(device, () => {
    const trainerOf = (batch: number, weight?: (batch: Tensor<'example'>) => number) =>
      new Trainer({
        model: { w: tensor([1], { a: 1 }) },
        loss: ({ w }, x: Tensor<'example'>) => sum(w.mul(x)).div(x.size('example')),
        optimizer: sgd(),
        schedule: constantSchedule({ peak: 1 }),
        data: exampleBatches([1, 1, 1, 81, 1], {
          batch,
          shuffle: false,
          collate: (chosen) => tensor(chosen, { example: chosen.length }),
          ...(weight && { weight }),
        }),
        steps: 1,
        evaluation: {
          data: exampleBatches([1, 1, 1, 1, 81], {
            batch,
            shuffle: false,
            collate: (chosen) => tensor(chosen, { example: chosen.length }),
            ...(weight && { weight }),
          }),
          every: 1,
        },
      })
    for (const batch of [1, 2, 3, 4, 5]) {
      const trainer = trainerOf(batch)
      expect(trainer.evaluate()).toBeCloseTo(17, 10)
      trainer.dispose()
    }
    const own = trainerOf(4, () => 1)
    expect(own.evaluate()).toBe(41)
    own.dispose()
  }))

describe('weights', () => {
  const run = (results: readonly ReturnType<Loss<Model, number>>[], loss?: Loss<Model, number>) =>
    new Trainer<Model, number>({
      model: { weight: tensor([1, 2], { width: 2, class: 1 }) },
      loss: loss ?? ((_, batch) => results[batch]!),
      optimizer: sgd(),
      schedule: constantSchedule({ peak: 1 }),
      data: { batchesPerEpoch: 2, tokensPerBatch: 0, fingerprint: '', batch: (index) => index },
      steps: 1,
      accumulation: 2,
      evaluation: {
        data: { batchesPerEpoch: 2, tokensPerBatch: 0, fingerprint: '', batch: (index) => index },
        every: 1,
      },
    })
  const scalar = (value: number): Tensor<never> => tensor(value, {})

  test.each([NaN, -1, Infinity])('of %s are refused', (weight) =>
    withDevice(device, () => {
      expect(() => run([{ loss: scalar(1), weight }]).evaluate()).toThrow(UsageError)
      const metrics = { accuracy: { value: 1, weight } }
      expect(() => run([{ loss: scalar(1), metrics }]).evaluate()).toThrow(/weight of 'accuracy'/)
    }),
  )

  test.each<[string, () => unknown, RegExp]>([
    ['a number', () => 3, /found number/],
    ['nothing', () => undefined, /found undefined/],
    ['a promise', () => Promise.reject(new Error('late')), /found a promise/],
    ['a report without a loss', () => ({ loss: undefined, weight: 3 }), /found undefined/],
  ])('%s for a loss is refused', (_, result, says) =>
    withDevice(device, () => {
      const trainer = run([], result as never)
      for (const call of [() => trainer.evaluate(), () => trainer.takeStep()]) {
        expect(call).toThrow(UsageError)
        expect(call).toThrow(says)
      }
      trainer.dispose()
    }),
  )

  test('said for some batches only are refused', () =>
    withDevice(device, () => {
      const some = run([{ loss: scalar(1), weight: 3 }, scalar(2)])
      expect(() => some.evaluate()).toThrow(
        /each batch weighed by the loss's report, .* found one weighed by nothing/,
      )
    }))

  test('of 0 leave a batch out, whatever its loss; an evaluation of nothing is refused', () =>
    withDevice(device, () => {
      const one = run([
        { loss: scalar(NaN), weight: 0 },
        { loss: scalar(2), weight: 3, metrics: { far: { value: NaN, weight: 0 }, near: 4 } },
      ])
      expect(one.evaluate()).toBe(2)
      const nothing = run([
        { loss: scalar(NaN), weight: 0 },
        { loss: scalar(NaN), weight: 0 },
      ])
      expect(() => nothing.evaluate()).toThrow(/at least one batch that counts/)
    }))

  test('of 0 in a whole step leave the weights alone', () =>
    withDevice(device, () => {
      const trainer = run([], ({ weight }) => ({ loss: sum(weight).mul(NaN), weight: 0 }))
      expect(trainer.takeStep()).toMatchObject({ loss: 0, gradientNorm: 0 })
      expect([...trainer.model.weight.values()]).toEqual([1, 2])
      trainer.dispose()
    }))
})

test('losses know over how much they are the mean', () =>
  withDevice(device, () => {
    const x = tensor([1, 2, 3, 4, 5, 6], { a: 2, b: 3 })
    const targets = tensor([0, -100], { a: 2 }, { dtype: 'i32' })
    expect(countOf(mean(x))).toBe(6)
    expect(countOf(mean(mean(x, 'b')))).toBe(2)
    expect(countOf(mean(x, 'b'))).toBeUndefined()
    expect(countOf(sum(x))).toBeUndefined()
    expect(countOf(crossEntropy(x, targets, 'b'))).toBe(1)
    expect(countOf(crossEntropy(x, targets, 'b', { reduction: 'sum' }))).toBeUndefined()
    expect(countOf(meanSquaredError(x, x))).toBe(6)
    expect(countOf(binaryCrossEntropy(x, x))).toBe(6)
    // Where two means of different counts meet, none is right.
    expect(countOf(mean(x).add(mean(mean(x, 'b'))))).toBeUndefined()
    expect(countOf(mean(x).mul(2).add(1).add(sum(x)))).toBe(6)
  }))

test('accuracy counts rows that are not ignored', () =>
  withDevice(device, () => {
    const logits = tensor([1, 2, 0, 5, 4, 3, 0, 0, 1, 9, 8, 7], { a: 4, b: 3 })
    const targets = (numbers: readonly number[]) => tensor(numbers, { a: 4 }, { dtype: 'i32' })
    expect(accuracy(logits, targets([1, 0, 1, -100]), 'b')).toEqual({ value: 2 / 3, weight: 3 })
    expect(accuracy(logits, targets([1, 0, 1, 0]), 'b', { ignore: 0 })).toEqual({ value: 0.5, weight: 2 })
    expect(accuracy(logits, targets([-100, -100, -100, -100]), 'b')).toEqual({ value: 0, weight: 0 })
    expect(() => accuracy(logits, tensor([1], { a: 1 }, { dtype: 'i32' }), 'b')).toThrow(
      /targets with the other axes of the logits/,
    )
  }))
