import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { characterOfByte, tokenOfBytes } from '../byte-alphabet.js'
import { componentFixture } from '../testing/components.js'
import { createDecoder, type DecoderDefinition, DecodeStream } from './index.js'

interface Fixture {
  readonly tokens: readonly (readonly string[])[]
  readonly decoders: readonly {
    readonly decoder: DecoderDefinition
    readonly streams: readonly ((string | null)[] | { readonly refused: string })[]
  }[]
}

const byteLevel: DecoderDefinition = {
  type: 'ByteLevel',
  add_prefix_space: true,
  trim_offsets: true,
  use_regex: true,
}
const byteFallback: DecoderDefinition = {
  type: 'Sequence',
  decoders: [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ],
}

function textOf(
  definition: DecoderDefinition,
  tokens: readonly string[],
): (ids: readonly number[]) => string {
  const decode = createDecoder(definition)
  return (ids) => decode(ids.map((id) => tokens[id]!))
}

/** What comes after each token, and at the end. */
function chunksOf(definition: DecoderDefinition, tokens: readonly string[]): string[] {
  const stream = new DecodeStream(textOf(definition, tokens))
  return [...tokens.map((_, id) => stream.push(id)), stream.end()]
}

describe('DecodeStream', () => {
  it('gives the chunks that the package gives', () => {
    const { tokens, decoders } = componentFixture('decoders') as Fixture
    for (const { decoder, streams } of decoders)
      streams.forEach((chunks, i) => {
        // Of null there is nothing. Where the package stops with an error nothing is to be equal.
        if (!Array.isArray(chunks)) return
        const made = chunksOf(decoder, tokens[i]!).slice(0, -1)
        expect(made, JSON.stringify([decoder, tokens[i]])).toEqual(chunks.map((chunk) => chunk ?? ''))
      })
  })

  it('gives the text that a token completes', () => {
    expect(chunksOf(byteLevel, ['Ġa', 'æ', 'Ĺ', '¥', 'b', 'Ã'])).toEqual([
      ' a',
      '',
      '',
      '日',
      'b',
      '',
      '\ufffd',
    ])
    expect(chunksOf(byteFallback, ['▁This', '▁is', '<0xE6>', '<0x97>', '<0xA5>', '▁'])).toEqual([
      'This',
      ' is',
      '',
      '',
      '日',
      ' ',
      '',
    ])
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true } as const
    expect(chunksOf(metaspace, ['▁', '▁a', 'b', '▁', '▁c'])).toEqual(['', ' a', 'b', ' ', ' c', ''])
    const wordPiece = { type: 'WordPiece', prefix: '##', cleanup: true } as const
    expect(chunksOf(wordPiece, ['do', 'not', '##e', ',', 'ok'])).toEqual(['do', ' not', 'e', ',', ' ok', ''])
  })

  it('starts anew after its end', () => {
    const stream = new DecodeStream(textOf(byteFallback, ['▁a', '<0xE6>']))
    expect([stream.push(0), stream.push(1), stream.end(), stream.end()]).toEqual(['a', '', '\ufffd', ''])
    expect([stream.push(0), stream.end()]).toEqual(['a', ''])
  })

  it('passes over ids that are left out', () => {
    const stream = new DecodeStream(textOf(byteLevel, ['a', '<s>', 'b']), (id) => id === 1)
    expect([1, 0, 1, 2].map((id) => stream.push(id))).toEqual(['', 'a', '', 'b'])
  })

  it('goes on where bytes that were a character turn out to be none', () => {
    expect(chunksOf(byteFallback, ['<0xE6>', '<0x97>', '<0xA5>', '<0xFF>', 'x', 'y'])).toEqual([
      '',
      '',
      '日',
      '',
      '\ufffdx',
      'y',
      '',
    ])
  })

  it('gives what waits for a character far too long', () => {
    const chunks = chunksOf(byteLevel, [...Array.from({ length: 1000 }, () => '¿'), 'a'])
    expect(chunks.join('')).toBe(`${'\ufffd'.repeat(1000)}a`)
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(100)
  })

  it('gives the text of all tokens, cut into whole characters', () => {
    const token = fc.oneof(
      fc.constantFrom('a', 'Ġthe', '日', ''),
      fc.constantFrom(...characterOfByte),
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => tokenOfBytes(new TextEncoder().encode(text))),
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
        const chunks = chunksOf(byteLevel, tokens)
        expect(chunks.join('')).toBe(createDecoder(byteLevel)(tokens))
        for (const chunk of chunks) expect(chunk).not.toMatch(/\p{Cs}/u)
        for (const chunk of chunks.slice(0, -1)) expect(chunk.endsWith('\ufffd')).toBe(false)
      }),
    )
  })

  it.each([
    ['ordinary tokens', byteLevel, 'Ġthe'],
    ['bytes of no character', byteLevel, '¿'],
    ['bytes of no character', byteFallback, '<0xFF>'],
    ['tokens without a text', byteLevel, ''],
  ])('takes time in proportion to the ids: %s', (_, definition, token) => {
    let decoded = 0
    const decode = createDecoder(definition)
    const stream = new DecodeStream((ids) => {
      decoded += ids.length
      return decode(ids.map(() => token))
    })
    const count = 5_000
    for (let i = 0; i < count; i++) stream.push(0)
    stream.end()
    expect(decoded).toBeLessThan(150 * count)
  })
})
