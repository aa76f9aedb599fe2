import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { leavesOf } from '../base/index.js'
import { loadEncoder, type LoadedEncoder } from '../models/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { sentences } from './objectives/testing/texts.js'
import { temporaryFolder, writeTinyModel } from './objectives/testing/tiny-model.js'
import { textClassification, train, type TrainingOptions } from './index.js'

const { path: folder, remove } = temporaryFolder()
afterAll(remove)

async function tinyBert(): Promise<LoadedEncoder> {
  if (!existsSync(join(folder, 'config.json'))) await writeTinyModel(folder, 'bert')
  return loadEncoder(folder, { head: { name: 'SequenceClassification', labels: ['animal', 'tool'] } })
}

type Options = TrainingOptions<LoadedEncoder, never, never, never>
type Given = Partial<
  Pick<Options, 'signal' | 'hooks' | 'folder' | 'groups' | 'steps' | 'accumulation' | 'batch' | 'dropout'>
>

async function run(given: Given = {}) {
  const model = await tinyBert()
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
    ...(given as object),
  })
}

function bits({ model }: LoadedEncoder): string {
  return [...leavesOf<Tensor>(model, isTensor)]
    .map(([path, leaf]) => `${path} ${leaf.values().join()}`)
    .join('\n')
}

describe('train', () => {
  test('learns labels, and evaluates on others', async () => {
    const accuracies: number[] = []
    const { model, result } = await run({
      hooks: { onEvaluation: ({ metrics }) => void accuracies.push(metrics['accuracy']!) },
    })
    expect(result.reason).toBe('finished')
    expect(result.bestLoss).toBeLessThan(0.4)
    expect(accuracies.at(-1)).toBe(1)
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
})
