import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../../base/index.js'
import { tokenOfBytes } from '../byte-alphabet.js'
import { ReadContext } from '../steps/component.js'
import { componentFixture, componentReference, jsonOf } from '../testing/components.js'
import { createDecoder, type DecoderDefinition, readDecoder } from './index.js'

interface Cases {
  readonly tokens: readonly (readonly string[])[]
  readonly decoders: readonly {
    readonly decoder: DecoderDefinition
    readonly results: readonly (string | { readonly refused: string })[]
  }[]
}

const read = (definition: unknown): DecoderDefinition => readDecoder(jsonOf(definition), new ReadContext(0))

const byteLevel: DecoderDefinition = {
  type: 'ByteLevel',
  add_prefix_space: true,
  trim_offsets: true,
  use_regex: true,
}

describe.each([
  ['the fixture', componentFixture('decoders')],
  ['the reference (set HEED_SHARED to run)', componentReference('decoders')],
])('%s', (_, cases) => {
  const { tokens, decoders } = (cases ?? { decoders: [] }) as unknown as Cases
  it.skipIf(cases === undefined)('has the texts that are made here', () => {
    for (const { decoder: definition, results } of decoders) {
      expect(read(definition)).toEqual(definition)
      const made = tokens.map(createDecoder(definition))
      // Where the package stops with a panic nothing is to be equal.
      const wanted = results.map((one, i) => (typeof one === 'string' ? one : made[i]))
      expect(made, JSON.stringify(definition)).toEqual(wanted)
    }
  })
})

describe('a file', () => {
  it('may leave out what older ones did not have', () => {
    expect(read({ suffix: '</w>' })).toEqual({ type: 'BPEDecoder', suffix: '</w>' })
    expect(read({ prefix: '##', cleanup: true })).toEqual({ type: 'WordPiece', prefix: '##', cleanup: true })
    expect(read({ type: 'Metaspace', replacement: '▁', add_prefix_space: true })).toEqual({
      type: 'Metaspace',
      replacement: '▁',
      prepend_scheme: 'always',
      split: true,
    })
  })

  it.each([
    [{ type: 'Bytes' }, /expected type to be 'BPEDecoder' or .* found "Bytes"/],
    [{}, /type/],
    [{ type: 'WordPiece', prefix: '##' }, /cleanup/],
    [{ type: 'Strip', content: 'ab', start: 0, stop: 0 }, /expected content to be one character/],
    [{ type: 'Strip', content: 'a', start: -1, stop: 0 }, /start/],
    [{ type: 'Sequence', decoders: [{ type: 'constructor' }] }, /decoders\[0\]\.type/],
  ])('is refused: %j', (definition, message) => {
    expect(() => read(definition)).toThrow(FormatError)
    expect(() => read(definition)).toThrow(message)
  })
})

it('joins tokens by spaces without a decoder', () => {
  expect(createDecoder(null)(['a', 'b'])).toBe('a b')
})

describe('Strip', () => {
  it('leaves nothing of a token that has less than it may take, where the package panics', () => {
    const strip = createDecoder({ type: 'Strip', content: 'a', start: 2, stop: 2 })
    expect(strip(['', 'a', 'aa', 'aaa', 'aabaa'])).toBe('b')
  })
})

describe('ByteLevel', () => {
  it('gives the text of any bytes as TextDecoder does, however they are cut into tokens', () => {
    const decode = createDecoder(byteLevel)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.nat(20), (bytes, cut) => {
        const tokens = [tokenOfBytes(bytes.subarray(0, cut)), tokenOfBytes(bytes.subarray(cut))]
        expect(decode(tokens)).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
      }),
    )
  })
})

it('stops steps that double a text again and again', () => {
  const replace: DecoderDefinition = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' }
  const decode = createDecoder({ type: 'Sequence', decoders: Array.from({ length: 64 }, () => replace) })
  expect(() => decode(['a'])).toThrow(UsageError)
  expect(() => createDecoder({ ...replace, content: 'a'.repeat(1e6) })(['a'.repeat(1e6)])).toThrow(UsageError)
})

it('takes time in proportion to the tokens', () => {
  const tokens = Array.from({ length: 100_000 }, (_, i) => (i % 3 === 0 ? '<0xFF>' : '▁the'))
  for (const definition of [
    byteLevel,
    {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
  ] as const)
    expect(createDecoder(definition)(tokens).length).toBeGreaterThan(250_000)
})
