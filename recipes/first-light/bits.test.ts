import { expect, test } from 'vitest'
import {
  createDecoder,
  decoderConfig,
  lastLogits,
  normalInitializer,
  probabilitiesOf,
  randomKey,
  trainByteLevel,
} from 'heed'
import { bitsOf, windowsOf } from './bits.js'

test('windows predict each token once, from at least half of the context', () => {
  for (const context of [1, 2, 5, 8]) {
    for (let length = 0; length < 40; length++) {
      const ids = Array.from({ length }, (_, i) => i + 1)
      const predicted: number[] = []
      for (const { ids: window, from } of windowsOf(ids, 0, context)) {
        expect(window.length - 1).toBeLessThanOrEqual(context)
        for (let place = from; place < window.length - 1; place++) {
          predicted.push(window[place + 1]!)
          const before = predicted.length
          expect(place + 1).toBeGreaterThanOrEqual(Math.min(before, (context >> 1) + 1, context))
        }
      }
      expect(predicted).toEqual([...ids, 0])
    }
  }
})

test('bits are what the probabilities, token by token, say', () => {
  const tokenizer = trainByteLevel(['so it goes, and so it went'], {
    vocabularySize: 261,
    special: ['<|endoftext|>'],
  })
  const config = decoderConfig({ vocabulary: 261, context: 64, width: 16, layers: 1, heads: 2 })
  const model = createDecoder(config, randomKey(2), { initializer: normalInitializer(0.3) })
  const texts = ['so it goes', '', 'and so on, and on', 'é']
  let expected = 0
  for (const text of texts) {
    const ids = [...tokenizer.encode(text).ids]
    for (let i = 0; i <= ids.length; i++) {
      const probabilities = probabilitiesOf(lastLogits(model, config, [0, ...ids.slice(0, i)]))
      expected -= Math.log2(probabilities[ids[i] ?? 0]!)
    }
  }
  expect(bitsOf({ model, config, tokenizer }, texts)).toBeCloseTo(expected, 3)
})
