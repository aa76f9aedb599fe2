import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { createDecoder, type Decoder, decoderConfig, decoderLogits } from '../models/index.js'
import { sameDocument } from '../nn/index.js'
import { wasmTarget } from '../targets/index.js'
import { crossEntropy, withDevice } from '../tensor/index.js'
import {
  adamw,
  cosineSchedule,
  evaluationBatches,
  matricesDecay,
  type TokenBatch,
  tokenBatches,
  Trainer,
  type TrainerOptions,
} from './index.js'
import { devices } from './testing/devices.js'
import { bitsOfTree } from './testing/small-run.js'

// The loop with a decoder: attention within documents, dropout in every block, tied output.

afterAll(() => devices.forEach(([, device]) => device.close()))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-decoder-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const config = decoderConfig({
  vocabulary: 17,
  context: 12,
  width: 16,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
})
/** Documents of token 0 and then counting by 1 or 2. */
const tokens = Uint16Array.from({ length: 1500 }, (_, i) => {
  const [document, place] = [Math.floor(i / 15), i % 15]
  return place === 0 ? 0 : 1 + ((document + place * (1 + (document % 2))) % 16)
})
const steps = 8

function options(
  changes: Partial<TrainerOptions<Decoder, TokenBatch>> = {},
): TrainerOptions<Decoder, TokenBatch> {
  const windows = { batch: 3, context: 12, separator: 0 }
  return {
    model: createDecoder(config, randomKey(1)),
    loss: (model, { inputs, targets, documents }, { key, training }) =>
      crossEntropy(
        decoderLogits(model, config, inputs, {
          mask: sameDocument(documents!.rename({ position: 'key' })),
          ...(training && { dropout: { rate: 0.2, key } }),
        }),
        targets,
        'vocabulary',
      ),
    optimizer: adamw({ decay: 0.1, decayed: matricesDecay }),
    schedule: cosineSchedule({ peak: 0.01, warmUp: 2, total: steps }),
    data: tokenBatches(tokens.subarray(0, 1000), { ...windows, seed: 2 }),
    steps,
    seed: 3,
    accumulation: 2,
    clip: 1,
    evaluation: { data: evaluationBatches(tokens.subarray(1000), { ...windows, batch: 8 }), every: 4 },
    ...changes,
  }
}

const [, [, device]] = devices as [unknown, (typeof devices)[number]]
const bits = ({ model, optimizerState }: Trainer<Decoder, TokenBatch>): string =>
  bitsOfTree([model, optimizerState])

test('a decoder with dropout, stopped and resumed on another number of threads, ends with the same bits', async () => {
  const target = wasmTarget({ lanes: 4, relaxed: false, shared: true })
  const device = new Device(target, { shared: true, threads: 1 })
  const other = new Device(target, { shared: true, threads: 2 })
  const whole = withDevice(device, () => new Trainer(options()))
  await whole.run()
  const expected = bits(whole)
  whole.dispose()
  const stop = new AbortController()
  const first = withDevice(
    device,
    () =>
      new Trainer(
        options({
          checkpoint: { folder },
          signal: stop.signal,
          hooks: { onStep: ({ step }) => void (step === 3 && stop.abort()) },
        }),
      ),
  )
  await first.run()
  first.dispose()
  const second = withDevice(other, () => new Trainer(options({ checkpoint: { folder } })))
  expect(await second.resume()).toMatchObject({ step: 3 })
  await second.run()
  expect(bits(second)).toBe(expected)
  second.dispose()
  device.close()
  other.close()
})

test('a decoder learns to count', async () => {
  const trainer = withDevice(
    device,
    () =>
      new Trainer(
        options({
          steps: 150,
          accumulation: 1,
          schedule: cosineSchedule({ peak: 0.02, warmUp: 10, total: 150 }),
        }),
      ),
  )
  expect(trainer.evaluate()).toBeCloseTo(Math.log(17), 0)
  await trainer.run()
  // The first tokens of a document don't tell how it goes on.
  expect(trainer.evaluate()).toBeLessThan(1.2)
  trainer.dispose()
})
