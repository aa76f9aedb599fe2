import { expect, test } from 'vitest'
import { inputsOf } from './inputs.js'
import type { DecodeWork, EncoderWork } from './peer.js'
import { plain } from './plain.js'
import { amountOf, bytesOf, smallOf } from './work.js'

const encoder: EncoderWork = {
  kind: 'encoder',
  layers: 6,
  width: 384,
  heads: 12,
  hidden: 1536,
  vocabulary: 30522,
  length: 128,
  batch: 1,
}
const decode: DecodeWork = {
  kind: 'decode',
  layers: 12,
  width: 768,
  heads: 12,
  vocabulary: 50257,
  prompt: 248,
  tokens: 16,
  weights: 'f32',
}

test('a sentence has a vector of length 1 that does not depend on the others', () => {
  const work = smallOf(encoder) as EncoderWork
  const { parameters, ids } = inputsOf(work)
  const [all] = plain(work, { parameters, ids }, 1)
  const last = ids.subarray((work.batch - 1) * work.length)
  const [alone] = plain({ ...work, batch: 1 }, { parameters, ids: last }, 1)
  expect(Math.hypot(...Array.from(alone!))).toBeCloseTo(1, 12)
  expect(Array.from(all!).slice(-work.width)).toEqual(Array.from(alone!))
})

test('logits depend on every id of the prompt', () => {
  const work = smallOf(decode) as DecodeWork
  const { parameters, ids } = inputsOf(work)
  const [logits] = plain(work, { parameters, ids }, 1)
  for (const at of [0, ids.length - 1]) {
    const other = ids.slice()
    other[at] = (other[at]! + 1) % work.vocabulary
    expect(plain(work, { parameters, ids: other }, 1)[0]).not.toEqual(logits)
  }
})

test('a window as long as the sequence is the causal mask', () => {
  const work = {
    kind: 'attention',
    heads: 2,
    length: 12,
    width: 4,
    causal: true,
    gradient: false,
  } as const
  const inputs = inputsOf(work)
  expect(plain({ ...work, window: 12 }, inputs, 1)).toEqual(plain(work, inputs, 1))
  expect(plain({ ...work, window: 3 }, inputs, 1)).not.toEqual(plain(work, inputs, 1))
  expect(amountOf({ ...work, window: 12 })).toBe(amountOf(work))
})

test('GPT-2 small reads its 124 million weights for each token, and some of the cache', () => {
  const weights = bytesOf({ ...decode, tokens: 1 }) / 4
  expect(weights).toBeGreaterThan(123e6)
  expect(weights).toBeLessThan(130e6)
  expect(bytesOf({ ...decode, weights: 'q8_0' })).toBeLessThan(0.32 * bytesOf(decode))
})
