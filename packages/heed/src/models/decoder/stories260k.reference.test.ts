import { describe, expect, test } from 'vitest'
import { generate } from '../../generation/index.js'
import { collect } from '../../observe/index.js'
import { scope, tensor, type Tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import { decoderLogits, ofFamily, readModel } from '../index.js'
import { hasReal, readReal, realFolder } from '../testing/real.js'
import { largestDifference } from '../testing/reference.js'

// A trained model of 260 thousand weights: what another implementation computes with it, and writes.

describe.skipIf(!hasReal('stories260k', ''))('stories260K (set HEED_SHARED to run)', () => {
  test.each(devices)('%s: states, filters, logits and tokens', (name, device) => {
    const reference = readReal('stories260k')
    const ids = [...reference.numbers('ids')]
    withDevice(device, () => {
      const { model, config, attentions } = ofFamily(readModel(realFolder('stories260k')), 'decoder')
      const names = attentions.map(({ name }) => name)
      scope(() => {
        const all = tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
        const { values } = collect([...names, 'blocks.*.residualBefore', 'finalNorm.output'], () =>
          decoderLogits(model, config, all.slice('position', 0, 16)),
        )
        const order = [...names.map((_name, i) => `blocks.${i}.residualBefore`), 'finalNorm.output']
        const states = order.flatMap((name) => [...(values.get(name) as Tensor).values()])
        expect(largestDifference(states, reference.numbers('hidden_states_16'))).toBeLessThan(1e-4)
        const filters = names.flatMap((name) => [
          ...(values.get(name) as Tensor).values(['batch', 'head', 'query', 'key']),
        ])
        expect(largestDifference(filters, reference.numbers('filters_16'))).toBeLessThan(1e-5)
        for (const count of [1, 2, 11, 101, 200]) {
          const logits = decoderLogits(model, config, all.slice('position', 0, count))
          const last = logits.at('position', count - 1).values()
          const expected = reference.numbers(`logits_after_${count}_tokens`)
          expect(largestDifference(last, expected), `after ${count}`).toBeLessThan(1e-4)
        }
      })
      const tokens = name === 'interpreter' ? 20 : 200
      const found = generate(model, config, ids.slice(0, 1), { tokens, temperature: 0 })
      expect([...found].join()).toBe(ids.slice(1, tokens + 1).join())
    })
  })
})
