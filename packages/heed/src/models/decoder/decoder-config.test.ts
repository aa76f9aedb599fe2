import { expect, test } from 'vitest'
import { FormatError } from '../../base/index.js'
import { decoderConfig, type DecoderConfigOptions, parseDecoderConfig } from './decoder-config.js'

const least = { vocabulary: 100, context: 64, width: 48, layers: 2, heads: 4 }

test('fills in what is left out', () => {
  expect(decoderConfig(least)).toEqual({
    ...least,
    architecture: 'decoder',
    keyValueHeads: 4,
    hidden: 128,
    activation: 'silu',
    gated: true,
    norm: 'rms',
    epsilon: 1e-5,
    position: 'rotary',
    rotaryBase: 10000,
    bias: false,
    tied: true,
  })
  expect(decoderConfig({ ...least, gated: false }).hidden).toBe(192)
  expect(decoderConfig(decoderConfig(least))).toEqual(decoderConfig(least))
})

test.each([
  [null, /expected an object, found null/],
  [[], /expected an object/],
  [{ ...least, layers: undefined }, /layers, a whole number from 1/],
  [{ ...least, layers: 0 }, /layers, a whole number from 1 to 1024, found 0/],
  [{ ...least, width: 1.5 }, /width, a whole number/],
  [{ ...least, width: 'wide' }, /width, a whole number from 1 to 65536, found "wide"/],
  [{ ...least, vocabulary: 1e12 }, /vocabulary/],
  [{ ...least, heads: 5 }, /multiple of the 5 heads, found 48/],
  [{ ...least, keyValueHeads: 3 }, /groups of 3 key\/value heads, found 4/],
  [{ ...least, heads: 16 }, /even width/],
  [{ ...least, norm: 'batch' }, /norm, one of layer, rms, found "batch"/],
  [{ ...least, gated: 'yes' }, /gated, one of true, false/],
  [{ ...least, epsilon: -1 }, /epsilon, a number above 0/],
  [{ ...least, layer: 3 }, /found "layer"; remove it, or did you mean 'layers'\?/],
  [{ vocab: 3 }, /fields .*, found "vocab"; remove it, or did you mean 'vocabulary'\?/],
  [{ ...least, zzzzzzzz: 3 }, /found "zzzzzzzz"; remove it, or correct its name/],
  [{ ...least, architecture: 'encoder' }, /architecture, one of decoder/],
] as const)('refuses %o', (given, message) => {
  for (const make of [decoderConfig as (given: unknown) => unknown, parseDecoderConfig]) {
    expect(() => make(given)).toThrow(FormatError)
    expect(() => make(given)).toThrow(message)
  }
})

test('what is unknown or missing does not compile', () => {
  // @ts-expect-error: no such field, and the sizes are missing
  expect(() => decoderConfig({ vocab: 3 })).toThrow(FormatError)
  // @ts-expect-error: no heads
  expect(() => decoderConfig({ vocabulary: 3, context: 1, width: 2, layers: 1 })).toThrow(FormatError)
  // @ts-expect-error: no such field beside those that are needed
  expect(() => decoderConfig({ ...least, head: 3 })).toThrow(FormatError)
  // @ts-expect-error: no such position
  expect(() => decoderConfig({ ...least, position: 'absolute' })).toThrow(FormatError)
  const typed: DecoderConfigOptions = { ...least, gated: false }
  expect(decoderConfig(typed).gated).toBe(false)
  expect(() => parseDecoderConfig({ vocab: 3 }, 'config.json')).toThrow(
    expect.objectContaining({ file: 'config.json' }),
  )
})
