import { expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { scope, tensor, withDevice } from '../tensor/index.js'
import { decoderLogits } from '../models/index.js'
import { decoderConfigs, decoderOf, designOf } from '../models/testing/decoders.js'
import { PrefixCache, writable } from './index.js'

// LongRoPE, trained on 16 positions: texts beyond are turned otherwise from their first position on.

const device = new Device(interpreter)
const design = designOf(decoderConfigs['phi3']!)
const long = (end: number): number[] => [...Array.from({ length: 19 }, (_, i) => (i * 3) % 7), end]

test('long prompts that begin alike have the logits that each has alone', () =>
  withDevice(device, () =>
    scope(() => {
      const model = decoderOf(design)
      const prefixes = new PrefixCache({ bytes: 2 ** 20 })
      const decoder = writable(model, design, { prefixes })
      for (let turn = 0; turn < 2; turn++) {
        const decoding = decoder.begin(2)
        const found = decoding.step([long(1), long(2)])
        ;[1, 2].forEach((end, row) => {
          const ids = tensor(long(end), { batch: 1, position: 20 }, { dtype: 'i32' })
          const expected = decoderLogits(model, design, ids).at('position', 19).values()
          const own = found.at('row', row).values()
          const far = Math.max(...Array.from(expected, (one, i) => Math.abs(one - own[i]!)))
          expect(far).toBeLessThan(1e-12)
        })
        decoding.dispose()
      }
      prefixes.dispose()
    }),
  ))

test('a text that grows over the trained length ends with an error that says so', () =>
  withDevice(device, () =>
    scope(() => {
      const decoding = writable(decoderOf(design), design).begin(1)
      decoding.step([long(1).slice(0, 16)])
      expect(() => decoding.step([[1]])).toThrow(UsageError)
      decoding.dispose()
    }),
  ))
