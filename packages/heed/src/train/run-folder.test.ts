import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StateError, UsageError } from '../base/index.js'
import {
  adamw,
  constantSchedule,
  evaluationBatches,
  lion,
  readCheckpoint,
  Trainer,
  type TrainerOptions,
} from './index.js'
import { devices } from './testing/devices.js'
import { bitsOfTree, smallRun, smallTokens } from './testing/small-run.js'

afterAll(() => devices.forEach(([, device]) => device.close()))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-run-folder-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a trainer and its folder', () => {
  const trainer = (changes: Partial<TrainerOptions<never, never>> = {}, plan: object = {}) =>
    new Trainer({ ...smallRun(6), checkpoint: { folder, everySteps: 2, ...plan }, ...(changes as object) })

  test('go on only with what the run began with', async () => {
    const config = { width: 6, position: 'rotary', layers: [1, 2] }
    const first = trainer({}, { config })
    await first.run()
    first.dispose()
    expect((await readCheckpoint(folder))!.state.config).toEqual(config)
    const others: [RegExp, Partial<TrainerOptions<never, never>>][] = [
      [/the seed of .* \(7\), found 8/, { seed: 8 }],
      [/accumulation/, { accumulation: 1 }],
      [/the optimizer of .* \(adamw\), found lion/, { optimizer: lion() }],
      [/optimizer options/, { optimizer: adamw({ decay: 0.5 }) }],
      [
        /the config\.position, the config\.layers\[1\], the config\.more of .* \(rotary; 2; none\), found alibi; 3; 1;/,
        { checkpoint: { folder, config: { position: 'alibi', layers: [1, 3], width: 6, more: 1 } } },
      ],
      [/the data of .*tokens/, { data: smallRun(6).evaluation!.data as never }],
    ]
    for (const [message, changes] of others) {
      const other = trainer(changes)
      await expect(other.resume()).rejects.toThrow(message)
      await expect(other.resume()).rejects.toThrow(UsageError)
      expect(other.step).toBe(0)
      // A refused resume is no leave to begin anew over it.
      await expect(other.run()).rejects.toThrow(/no checkpoints in/)
      other.dispose()
    }
    const files = await readdir(folder)
    const anew = trainer()
    await expect(anew.run()).rejects.toThrow(/no checkpoints in .*, found one of step 6; call resume\(\)/)
    anew.dispose()
    expect(await readdir(folder)).toEqual(files)
  })

  test('what may change is told: the rate, the settings, the evaluation, whose best is then forgotten', async () => {
    const first = trainer({}, { settings: { clip: 1, warmUp: 3 } })
    await first.run()
    first.dispose()
    const data = evaluationBatches(smallTokens(40), { batch: 2, context: 4 })
    const second = trainer(
      { schedule: constantSchedule({ peak: 1 }), evaluation: { data, every: 1 } } as object,
      { settings: { warmUp: 3, clip: 2 } },
    )
    const { changed } = (await second.resume())!
    expect(changed.map(({ path, now }) => [path, now])).toEqual([
      ['rate', '1'],
      ['evaluation', data.fingerprint],
      ['settings.clip', '2'],
    ])
    expect(second.bestLoss).toBe(undefined)
    second.dispose()
  })

  test('a folder that another training holds is refused until that one ends', async () => {
    const own = () => ({ ...smallRun(6), checkpoint: { folder, everySteps: 2 } })
    const stop = new AbortController()
    const refusals: unknown[] = []
    const first = new Trainer({
      ...own(),
      signal: stop.signal,
      hooks: {
        async onStep({ step }) {
          if (step !== 3) return
          for (const attempt of ['run', 'resume', 'save'] as const) {
            const other = new Trainer(own())
            refusals.push(await other[attempt]().catch((error: unknown) => error))
            other.dispose()
          }
          stop.abort()
        },
      },
    })
    expect(await first.run()).toMatchObject({ reason: 'stopped', step: 3 })
    for (const refusal of refusals) {
      expect(refusal).toBeInstanceOf(StateError)
      expect(String(refusal)).toMatch(/no other training in '.*', found process \d+/)
    }
    expect(refusals).toHaveLength(3)
    first.dispose()
    const second = new Trainer(own())
    expect(await second.resume()).toMatchObject({ step: 3 })
    second.dispose()
    expect(await readdir(folder)).toEqual(['step-00000002', 'step-00000003'])
  })

  test('a training whose folder another took over ends, and writes nothing', async () => {
    const first = trainer({
      hooks: {
        async onStep({ step }) {
          if (step !== 3) return
          for (const name of await readdir(folder)) if (name.endsWith('.lock')) await rm(join(folder, name))
        },
      },
    })
    await expect(first.run()).rejects.toThrow(/the marker of this training, found none/)
    first.dispose()
    expect(await readdir(folder)).toEqual(['step-00000002'])
  })

  test('fall back to the last whole checkpoint and say so', async () => {
    const first = trainer()
    await first.run()
    const expected = bitsOfTree([first.model, first.optimizerState])
    first.dispose()
    await writeFile(join(folder, 'step-00000006', 'model.safetensors'), 'damaged')
    const second = trainer()
    const resumed = await second.resume()
    expect(resumed).toMatchObject({ step: 4, skipped: [{ path: `${folder}/step-00000006` }] })
    await second.run()
    expect(bitsOfTree([second.model, second.optimizerState])).toBe(expected)
    expect((await readCheckpoint(folder))!).toMatchObject({ state: { step: 6 }, skipped: [] })
    second.dispose()
  })

  test('a run that is resumed where there is nothing begins anew', async () => {
    const first = trainer()
    expect(await first.resume()).toBe(undefined)
    expect(await first.run()).toMatchObject({ step: 6, checkpoint: `${folder}/step-00000006` })
    // Finished: resuming it does nothing more.
    const second = trainer()
    await second.resume()
    expect(await second.run()).toMatchObject({ reason: 'finished', step: 6 })
    expect(second.bestLoss).toBe(first.bestLoss)
    first.dispose()
    second.dispose()
  })

  test('are saved by time, too', async () => {
    const saved: number[] = []
    const hooks = { onCheckpoint: ({ step }: { step: number }) => void saved.push(step) }
    const first = trainer({ hooks }, { everySteps: 100, everySeconds: 1e-9 })
    await first.run()
    expect(saved).toEqual([1, 2, 3, 4, 5, 6])
    first.dispose()
  })

  test('the best evaluation has a checkpoint of its own', async () => {
    const losses: number[] = []
    const first = trainer(
      {
        hooks: { onEvaluation: ({ loss }) => void losses.push(loss) },
        evaluation: { ...smallRun(6).evaluation!, every: 1 } as never,
      },
      { best: true },
    )
    const { bestStep, bestLoss } = await first.run()
    expect(bestLoss).toBe(Math.min(...losses))
    expect((await readCheckpoint(join(folder, 'best')))!.state).toMatchObject({ step: bestStep, bestLoss })
    first.dispose()
  })

  test('options out of range, and calls at the wrong time, are refused', async () => {
    for (const [message, changes] of [
      [/steps to be a whole number/, { steps: 0 }],
      [/accumulation/, { accumulation: 1.5 }],
      [/clip to be above 0/, { clip: 0 }],
      [/snapshotEvery/, { snapshotEvery: 0 }],
      [/evaluation.every/, { evaluation: { ...smallRun(1).evaluation!, every: 0 } }],
      [/everySteps/, { checkpoint: { folder, everySteps: 0 } }],
      [/everySeconds/, { checkpoint: { folder, everySeconds: 0 } }],
      [/a model with f32 tensors/, { model: {} }],
    ] as const)
      expect(() => trainer(changes as object), String(message)).toThrow(message)
    const plain = new Trainer(smallRun(2))
    await expect(plain.save()).rejects.toThrow(/options.checkpoint, found none/)
    await expect(plain.resume()).rejects.toThrow(/options.checkpoint, found none/)
    const running = plain.run()
    await expect(plain.run()).rejects.toThrow(/one run at a time/)
    await running
    plain.dispose()
    plain.dispose()
    await expect(plain.run()).rejects.toThrow(/a disposed one/)
    expect(() => plain.takeStep()).toThrow(/a disposed one/)
  })
})
