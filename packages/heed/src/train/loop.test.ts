import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryUse, map, mean, sum, tensor, type Tensor, withDevice } from '../tensor/index.js'
import {
  adamw,
  constantSchedule,
  type Data,
  DivergenceError,
  type EvaluationEvent,
  exampleBatches,
  readCheckpoint,
  sgd,
  type StepEvent,
  Trainer,
  type TrainerOptions,
} from './index.js'
import { devices } from './testing/devices.js'
import { bitsOfTree, smallRun } from './testing/small-run.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-loop-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const state = (trainer: { readonly model: unknown; readonly optimizerState: unknown }): string =>
  bitsOfTree([trainer.model, trainer.optimizerState])

describe.each(devices)('training on %s', (_, device) => {
  const trainerOf = (changes: Partial<ReturnType<typeof smallRun>> = {}, steps = 12) =>
    withDevice(device, () => new Trainer({ ...smallRun(steps), ...changes }))

  test('the loss falls, and everything is told', async () => {
    const steps: StepEvent[] = []
    const evaluations: EvaluationEvent[] = []
    const snapshots: number[] = []
    const trainer = trainerOf(
      {
        hooks: {
          onStep: (event) => void steps.push(event),
          onEvaluation: async (event) => void evaluations.push(event),
          onSnapshot: ({ step, model }) => {
            snapshots.push(step)
            expect(model.output.freed).toBe(false)
          },
        },
        snapshotEvery: 20,
        evaluation: { ...smallRun(1).evaluation!, every: 25, atStart: true },
      },
      60,
    )
    const result = await trainer.run()
    expect(result).toMatchObject({ reason: 'finished', step: 60, checkpoint: undefined })
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    expect(evaluations.map(({ step }) => step)).toEqual([0, 25, 50, 60])
    expect(snapshots).toEqual([0, 20, 40, 60])
    expect(evaluations[3]!.loss).toBeLessThan(evaluations[0]!.loss / 2)
    expect(result.bestLoss).toBe(Math.min(...evaluations.map(({ loss }) => loss)))
    expect(steps[0]!.rate).toBe(0)
    const { epoch, tokensPerSecond, secondsLeft, secondsPerStep, gradientNorm } = steps[29]!
    expect(epoch).toBeCloseTo(60 / trainer.options.data.batchesPerEpoch)
    expect(tokensPerSecond).toBeCloseTo(16 / secondsPerStep)
    expect(secondsLeft).toBeCloseTo(30 * secondsPerStep)
    expect(gradientNorm).toBeGreaterThan(0)
    expect(steps[59]!.secondsLeft).toBe(0)
    trainer.dispose()
  })

  test('memory is flat, and all of it is given back', async () => {
    const before = memoryUse()
    const steps = device.floatBytes === 8 ? 120 : 300
    const trainer = trainerOf({}, steps)
    const used: number[] = []
    const held: number[] = []
    for (let step = 0; step < steps; step++) {
      trainer.takeStep()
      used.push(device.heap.use().used)
      held.push(memoryUse().bytes)
      // Packs the weights that it uses again and again; the next step frees them with those.
      if (step % 50 === 49) trainer.evaluate()
    }
    expect(new Set(held.slice(1)).size).toBe(1)
    expect(new Set(used.slice(60)).size).toBe(1)
    trainer.dispose()
    expect(memoryUse()).toEqual(before)
  })

  test('micro-batches give the gradient of the whole batch', () => {
    const examples = Array.from({ length: 8 }, (_, i) => i)
    const run = (batch: number, accumulation: number): string =>
      withDevice(device, () => {
        const trainer = new Trainer({
          model: { w: tensor([1, 2], { a: 2 }) },
          loss: ({ w }, x: Tensor<'example'>) =>
            mean(map((value, weight) => value.mul(weight).sub(1).square(), x, w)),
          optimizer: sgd({ momentum: 0.5 }),
          schedule: constantSchedule({ peak: 1 / 64 }),
          data: exampleBatches(examples, {
            batch,
            shuffle: false,
            collate: (chosen) => tensor(chosen, { example: chosen.length }),
          }),
          steps: 1,
          accumulation,
        })
        const { loss, gradientNorm } = trainer.takeStep()
        const result = [loss, gradientNorm, ...trainer.model.w.values()]
          .map((value) => value.toFixed(4))
          .join()
        trainer.dispose()
        return result
      })
    expect(run(2, 4)).toBe(run(8, 1))
    expect(run(4, 2)).toBe(run(8, 1))
  })

  test('clipping limits the step', () =>
    withDevice(device, () => {
      const trainer = new Trainer({
        model: { w: tensor([0, 0], { a: 2 }) },
        loss: ({ w }, x: Tensor<'a'>) => sum(w.mul(x)),
        optimizer: sgd(),
        schedule: constantSchedule({ peak: 1 }),
        data: only(() => tensor([30, 40], { a: 2 })),
        steps: 2,
        clip: 5,
      })
      expect(trainer.takeStep()).toMatchObject({ loss: 0, gradientNorm: 50 })
      expect(trainer.model.w.values()[0]).toBeCloseTo(-3, 5)
      expect(trainer.model.w.values()[1]).toBeCloseTo(-4, 5)
      trainer.dispose()
    }))

  test('a stop during an evaluation gives the evaluation up, and nothing else', async () => {
    const stop = new AbortController()
    const { evaluation } = smallRun(1)
    const evaluations: number[] = []
    const trainer = trainerOf({
      evaluation: {
        ...evaluation!,
        data: {
          ...evaluation!.data,
          batch: (index) => {
            if (index === 1) stop.abort()
            return evaluation!.data.batch(index)
          },
        },
      },
      hooks: { onEvaluation: ({ step }) => void evaluations.push(step) },
      signal: stop.signal,
      checkpoint: { folder },
    })
    expect(await trainer.run()).toMatchObject({
      reason: 'stopped',
      step: 4,
      checkpoint: `${folder}/step-00000004`,
    })
    expect(evaluations).toEqual([])
    trainer.dispose()
  })

  test.each([4, 12])('an evaluation given up at step %i is made when the run goes on', async (stopAt) => {
    const own = join(folder, String(stopAt))
    const stop = new AbortController()
    const { evaluation } = smallRun(1)
    const told: unknown[] = []
    const hooks = {
      onEvaluation: ({ step, loss }: EvaluationEvent) => void told.push(['evaluation', step, loss]),
      onSnapshot: ({ step }: { step: number }) => void told.push(['snapshot', step]),
    }
    const whole = trainerOf({ hooks, snapshotEvery: 2 })
    expect(await whole.run()).toMatchObject({ reason: 'finished', step: 12 })
    whole.dispose()
    const expected = told.splice(0)
    const trainer: ReturnType<typeof trainerOf> = trainerOf({
      evaluation: {
        ...evaluation!,
        data: {
          ...evaluation!.data,
          batch: (index) => {
            if (trainer.step === stopAt && index === 1) stop.abort()
            return evaluation!.data.batch(index)
          },
        },
      },
      hooks,
      snapshotEvery: 2,
      signal: stop.signal,
      checkpoint: { folder: own },
    })
    expect(await trainer.run()).toMatchObject({ reason: 'stopped', step: stopAt })
    trainer.dispose()
    const second = trainerOf({ hooks, snapshotEvery: 2, checkpoint: { folder: own } })
    await second.resume()
    expect(await second.run()).toMatchObject({ reason: 'finished', step: 12 })
    second.dispose()
    const sorted = (events: readonly unknown[]): string[] =>
      events.map((event) => JSON.stringify(event)).sort()
    expect(sorted(told)).toEqual(sorted(expected))
    // Finished: nothing is made twice.
    const third = trainerOf({ hooks, snapshotEvery: 2, checkpoint: { folder: own } })
    await third.resume()
    await third.run()
    third.dispose()
    expect(sorted(told).length - expected.length).toBe(stopAt === 12 ? 1 : 0)
  })

  test('a resumed run equals an uninterrupted one to the last bit', async () => {
    const whole = trainerOf()
    await whole.run()
    const expected = state(whole)
    whole.dispose()

    for (const stopAt of [1, 5, 11]) {
      const own = join(folder, String(stopAt))
      const stop = new AbortController()
      const first = trainerOf({
        checkpoint: { folder: own },
        signal: stop.signal,
        hooks: { onStep: ({ step }) => void (step === stopAt && stop.abort()) },
      })
      const result = await first.run()
      expect(result).toMatchObject({ reason: 'stopped', step: stopAt })
      first.dispose()

      const second = trainerOf({ checkpoint: { folder: own } })
      expect(await second.resume()).toMatchObject({
        step: stopAt,
        path: result.checkpoint,
        skipped: [],
        changed: [],
      })
      expect(await second.run()).toMatchObject({ reason: 'finished', step: 12 })
      expect(state(second)).toBe(expected)
      second.dispose()
    }
  })
})

/** The same batch again and again. */
function only<B>(batch: () => B): Data<B> {
  return { batchesPerEpoch: 1, tokensPerBatch: 0, fingerprint: 'only', batch }
}

describe('a loss that leaves the numbers', () => {
  const run = (bad: number, changes: Partial<TrainerOptions<{ w: Tensor<'a'> }, Tensor<never>>> = {}) =>
    new Trainer({
      model: { w: tensor([1, 2], { a: 2 }) },
      loss: ({ w }, scale: Tensor<never>) => sum(w.mul(w)).mul(scale),
      optimizer: adamw(),
      schedule: constantSchedule({ peak: 0.1 }),
      data: {
        ...only(() => tensor(1, {}) as Tensor<never>),
        batch: (i) => tensor(i === 3 ? bad : 1, {}) as Tensor<never>,
      },
      steps: 10,
      ...changes,
    })

  test.each([NaN, Infinity, 3e38])('%s stops training and keeps the last good state', async (bad) => {
    const trainer = run(bad, { checkpoint: { folder } })
    const error: unknown = await trainer.run().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(DivergenceError)
    const diverged = error as DivergenceError
    expect(diverged.step).toBe(3)
    expect(Number.isFinite(diverged.loss) && Number.isFinite(diverged.gradientNorm)).toBe(false)
    expect(diverged.message).toMatch(
      /finite loss and gradient at step 3, found loss .*; resume from '.*step-00000003'/,
    )
    expect(trainer.step).toBe(3)
    const { state: kept, model } = (await readCheckpoint(folder))!
    expect(kept.step).toBe(3)
    expect([...model.get('w')!.toFloat32()]).toEqual([...trainer.model.w.values()])
    trainer.dispose()
  })

  test('a gradient whose squares are no floats is clipped like any other', async () => {
    const trainer = run(1e30, { clip: 1 })
    expect((await trainer.run()).step).toBe(10)
    expect([...trainer.model.w.values()].every((value) => value > 0 && value < 2)).toBe(true)
    trainer.dispose()
  })

  test('without a folder the error says what to do', async () => {
    const trainer = run(NaN)
    await expect(trainer.run()).rejects.toThrow(
      /lower the rate, clip the gradient or warm up longer, or look at batch 3/,
    )
    expect([...trainer.model.w.values()].every(Number.isFinite)).toBe(true)
    trainer.dispose()
  })
})

test('a checkpoint of NaN weights is refused, and the good one stays', async () => {
  const trainer = new Trainer({
    model: { w: tensor([1], { a: 1 }) },
    loss: ({ w }, x: Tensor<'a'>) => sum(w.mul(x)),
    optimizer: adamw({ epsilon: 0 }),
    schedule: constantSchedule({ peak: 0.1 }),
    data: { ...only(() => tensor([0], { a: 1 })), batch: (i) => tensor([i === 0 ? 1 : 0], { a: 1 }) },
    steps: 3,
    checkpoint: { folder },
  })
  await trainer.save()
  const none = new Trainer({ ...trainer.options, model: { w: tensor([NaN], { a: 1 }) } })
  await expect(none.save()).rejects.toThrow(DivergenceError)
  expect((await readCheckpoint(folder))!.state.step).toBe(0)
  none.dispose()
  trainer.dispose()
})
