import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { leavesOf } from '../base/index.js'
import { loadEncoder, type LoadedEncoder, withLowRank } from '../models/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { sentences } from './objectives/testing/texts.js'
import { temporaryFolder, writeTinyModel } from './objectives/testing/tiny-model.js'
import {
  type ClassificationBatch,
  type ClassificationExample,
  type ClassifiedText,
  type EvaluationEvent,
  readRecords,
  type StepEvent,
  textClassification,
  train,
  type Trained,
  type TrainingOptions,
} from './index.js'

const { path: folder, remove } = temporaryFolder()
afterAll(remove)

async function tinyBert(): Promise<LoadedEncoder> {
  if (!existsSync(join(folder, 'config.json'))) await writeTinyModel(folder, 'bert')
  return loadEncoder(folder, { head: { name: 'SequenceClassification', labels: ['animal', 'tool'] } })
}

type Options = TrainingOptions<LoadedEncoder, ClassifiedText, ClassificationExample, ClassificationBatch>

async function run(given: Partial<Options> = {}): Promise<Trained<LoadedEncoder>> {
  const model = given.model ?? (await tinyBert())
  const records = sentences(80)
  return train({
    model,
    objective: textClassification(model),
    data: records.slice(0, 64),
    evaluation: { data: records.slice(64), every: 10 },
    steps: 30,
    batch: 16,
    rate: 0.01,
    seed: 3,
    ...given,
  })
}

function bits({ model }: LoadedEncoder): string {
  return [...leavesOf<Tensor>(model, isTensor)]
    .map(([path, leaf]) => `${path} ${leaf.values().join()}`)
    .join('\n')
}

describe('train', () => {
  test('records of files are learned from as they are read; those of a list have the types of the objective', async () => {
    const file = join(folder, 'sentences.jsonl')
    writeFileSync(
      file,
      sentences(16)
        .map((record) => JSON.stringify(record))
        .join('\n'),
    )
    const model = await tinyBert()
    const objective = textClassification(model)
    const options = { model, objective, steps: 1, batch: 16, rate: 0.01 }
    const { result } = await train({
      ...options,
      data: readRecords({ path: file }),
      evaluation: { data: readRecords({ path: file }) },
    })
    expect(result.reason).toBe('finished')
    // @ts-expect-error a record without a label
    await expect(train({ ...options, data: [{ text: 'a dog' }] })).rejects.toThrow('label')
  })

  test('learns labels, and evaluates on others', async () => {
    const accuracies: number[] = []
    const { model, result } = await run({
      steps: 70,
      hooks: { onEvaluation: ({ metrics }) => void accuracies.push(metrics['accuracy']!) },
    })
    expect(result.reason).toBe('finished')
    expect(result.bestLoss).toBeLessThan(0.4)
    expect(accuracies.at(-1)).toBeGreaterThan(0.9)
    expect(model.stored.config.member('id2label').member('1').value).toBe('tool')
  })

  test('stopped and gone on with, it ends with the same bits', async () => {
    const whole = bits((await run()).model)
    const runs = join(folder, 'runs')
    rmSync(runs, { recursive: true, force: true })
    const controller = new AbortController()
    const stopped = await run({
      folder: runs,
      signal: controller.signal,
      hooks: { onStep: ({ step }) => void (step === 13 && controller.abort()) },
    })
    expect(stopped.result).toMatchObject({ reason: 'stopped', step: 13 })
    const resumed: number[] = []
    const end = await run({ folder: runs, hooks: { onResume: ({ step }) => void resumed.push(step) } })
    expect(resumed).toEqual([13])
    expect(bits(end.model) === whole).toBe(true)
  })

  test('what is frozen stays, and has no state', async () => {
    const before = leavesOf<Tensor>((await tinyBert()).model, isTensor)
    const numbers = new Map([...before].map(([path, leaf]) => [path, leaf.values().join()]))
    const { model } = await run({
      steps: 5,
      groups: [
        { pattern: '*', frozen: true },
        { pattern: 'blocks.1', frozen: false },
        { pattern: 'head', frozen: false, rate: 2, decay: 0 },
      ],
    })
    for (const [path, leaf] of leavesOf<Tensor>(model.model, isTensor))
      expect([path, leaf.values().join() === numbers.get(path)]).toEqual([
        path,
        !/^(blocks\.1|head)\./.test(path),
      ])
  })

  test('ends for want of a better evaluation, and gives the best; killed between, it ends the same', async () => {
    // The rate is far too high: after some steps nothing gets better.
    const early = { steps: 200, rate: 0.05, evaluation: { data: sentences(80).slice(64), every: 2 } }
    const earlyStopping = { metric: 'accuracy', patience: 3 }
    const seen: number[] = []
    const onEvaluation = ({ metrics }: EvaluationEvent): void => void seen.push(metrics['accuracy']!)
    const { model, result } = await run({ ...early, earlyStopping, hooks: { onEvaluation } })
    expect(result.reason).toBe('patience')
    expect(seen.length).toBeLessThan(100)
    expect(result.best).toBe(Math.max(...seen))
    expect(result.bestStep).toBe(2 * (seen.indexOf(result.best!) + 1))
    expect(seen.length).toBe(seen.indexOf(result.best!) + 1 + 3)

    const runs = join(folder, 'early')
    const stop = new Error('killed')
    const killed = run({
      ...early,
      earlyStopping,
      folder: runs,
      checkpoint: { everySteps: 1 },
      hooks: {
        onStep: ({ step }) => {
          if (step === result.step - 1) throw stop
        },
      },
    })
    await expect(killed).rejects.toBe(stop)
    const end = await run({ ...early, earlyStopping, folder: runs })
    expect(end.result).toMatchObject({ reason: 'patience', step: result.step, bestStep: result.bestStep })
    expect(bits(end.model) === bits(model)).toBe(true)
  })

  test('a metric of the caller decides which is the best', async () => {
    const measured = [1, 5, 2, 7, 3]
    const { result } = await run({
      steps: 10,
      evaluation: {
        data: sentences(8),
        every: 2,
        measure: ({ tokenizer }) => ({ own: tokenizer.size > 0 ? measured.shift()! : 0 }),
      },
      earlyStopping: { metric: 'own', higher: false },
    })
    expect(result).toMatchObject({ reason: 'finished', best: 1, bestStep: 2 })
  })

  test('changes of low rank are trained alone, and gone on with bit for bit', async () => {
    const adapted = async (): Promise<LoadedEncoder> =>
      withLowRank(await tinyBert(), {
        targets: ['blocks.*.attention.query', 'blocks.*.attention.value'],
        trained: ['head'],
        rank: 2,
        dropout: 0.1,
      }) as unknown as LoadedEncoder
    const low = async (given: Partial<Options>): Promise<Trained<LoadedEncoder>> =>
      run({ model: await adapted(), steps: 8, ...given })
    const before = leavesOf<Tensor>((await adapted()).model, isTensor)
    const numbers = new Map([...before].map(([path, leaf]) => [path, leaf.values().join()]))
    const whole = (await low({})).model
    const changed = [...leavesOf<Tensor>(whole.model, isTensor)]
      .filter(([path, leaf]) => leaf.values().join() !== numbers.get(path))
      .map(([path]) => path)
    expect(changed.length).toBe(2 * 2 * 2 + 2)
    expect(changed.every((path) => /^head\.|\.weight\.(up|down)$/.test(path))).toBe(true)
    const runs = join(folder, 'low rank')
    const controller = new AbortController()
    const hooks = { onStep: ({ step }: StepEvent) => void (step === 3 && controller.abort()) }
    await low({ folder: runs, signal: controller.signal, hooks })
    expect(bits((await low({ folder: runs })).model) === bits(whole)).toBe(true)
  })

  test('what makes no sense is refused', async () => {
    await expect(run({ earlyStopping: { metric: 'acuracy' } })).rejects.toThrow("found 'acuracy'")
    await expect(run({ groups: [{ pattern: 'blocks.*.atention' }] })).rejects.toThrow('blocks.*.attention')
    await expect(run({ steps: 0 })).rejects.toThrow('steps')
    await expect(run({ data: [{ text: 'a', label: 'plant' }] })).rejects.toThrow(
      'a label of animal, tool, found "plant" (record 0)',
    )
    await expect(run({ data: [] })).rejects.toThrow('at least one example')
    await expect(run({ dropout: 1 })).rejects.toThrow('dropout')
    await expect(run({ batches: 3 } as never)).rejects.toThrow("did you mean 'batch'")
  })
})
