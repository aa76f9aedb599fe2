import { expect, test } from 'vitest'
import { randomKey } from '../base/index.js'
import { Device } from '../device/index.js'
import { createDecoder, type Decoder, decoderConfig, decoderLogits } from '../models/index.js'
import { wasmFeatures, wasmTarget } from '../targets/index.js'
import { crossEntropy, memoryUse, withDevice } from '../tensor/index.js'
import { adamw, constantSchedule, tokenBatches, type TokenBatch, Trainer } from './index.js'
import { collectGarbage } from '../testing/collect-garbage.js'

const steps = 10_000 * Math.max(1, Number(process.env['HEED_LONG'] ?? 1))

// Everything that a step touches: attention, norms, gates, dropout, cross-entropy, clipping, AdamW.
test(
  `${steps} steps of training hold their memory flat`,
  { timeout: 300_000 * Math.max(1, steps / 10_000) },
  () => {
    const { relaxed } = wasmFeatures()
    const device = new Device(wasmTarget({ lanes: 4, relaxed, shared: false }))
    const before = memoryUse()
    const config = decoderConfig({ vocabulary: 16, context: 8, width: 16, layers: 1, heads: 2, hidden: 32 })
    const trainer = withDevice(
      device,
      () =>
        new Trainer<Decoder, TokenBatch>({
          model: createDecoder(config, randomKey(1)),
          loss: (model, { inputs, targets }, { key }) =>
            crossEntropy(
              decoderLogits(model, config, inputs, { dropout: { rate: 0.1, key } }),
              targets,
              'vocabulary',
            ),
          optimizer: adamw({ decay: 0.1 }),
          schedule: constantSchedule({ peak: 1e-3 }),
          data: tokenBatches(
            Uint16Array.from({ length: 4000 }, (_, i) => (i * i) % 16),
            { batch: 2, context: 8 },
          ),
          steps,
          clip: 1,
        }),
    )
    interface Memory {
      readonly used: number
      readonly reserved: number
      readonly blocks: number
      readonly tensors: number
      /** Bytes of JavaScript objects, and of the whole process. */
      readonly objects: number
      readonly resident: number
    }
    const measure = (): Memory => {
      collectGarbage()
      const { used, reserved, blocks } = device.heap.use()
      const { heapUsed, rss } = process.memoryUsage()
      return { used, reserved, blocks, tensors: memoryUse().tensors, objects: heapUsed, resident: rss }
    }
    // Once caches are full, a tenth of the way, nothing grows any more. V8 compiles code, and drops it, for
    // longer: objects and the whole process are held against three tenths of the way.
    const after: Memory[] = []
    for (let step = 1; step <= steps; step++) {
      trainer.takeStep()
      if (step % (steps / 10) === 0) after.push(measure())
    }
    const [first] = after
    for (const { used, reserved, blocks, tensors } of after)
      expect({ used, reserved, blocks, tensors }).toEqual({
        used: first!.used,
        reserved: first!.reserved,
        blocks: first!.blocks,
        tensors: first!.tensors,
      })
    const [settled, ...later] = after.slice(2)
    for (const { objects, resident } of later) {
      // A hundred bytes a step of the seven tenths that are left would show.
      expect(objects - settled!.objects).toBeLessThan(700_000)
      expect(resident - settled!.resident).toBeLessThan(64_000_000)
    }
    trainer.dispose()
    // The tables of rotary positions stay with the configuration.
    expect(memoryUse().tensors - before.tensors).toBe(2)
    device.close()
  },
)
