import { describe, expect, it } from 'vitest'
import { createTokenLabel, type DecoderDefinition } from './index.js'

function labels(definition: DecoderDefinition | null, tokens: readonly string[]): string[] {
  return tokens.map(createTokenLabel(definition))
}

describe('createTokenLabel', () => {
  it('leaves out what marks that a token goes on with a word', () => {
    expect(
      labels({ type: 'WordPiece', prefix: '##', cleanup: true }, ['the', '##ing', '##', 'a##b']),
    ).toEqual(['the', 'ing', '##', 'a##b'])
    expect(labels({ type: 'BPEDecoder', suffix: '</w>' }, ['the</w>', 'ing'])).toEqual(['the ', 'ing'])
  })

  it('shows spaces as spaces, and bytes as what they are', () => {
    const sentencePiece: DecoderDefinition = {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    }
    expect(labels(sentencePiece, ['▁the', '<0xE6>', '<0x0A>', '<0xG0>'])).toEqual([
      ' the',
      '\udce6',
      '\n',
      '<0xG0>',
    ])
    expect(
      labels({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }, ['▁the', '▁']),
    ).toEqual([' the', ' '])
    const byteLevel: DecoderDefinition = {
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    }
    expect(labels(byteLevel, ['Ġthe', 'æĹ¥', 'Ĺ¥a', '日'])).toEqual([' the', '日', '\udc97\udca5a', '日'])
    expect(labels(null, ['a', '▁'])).toEqual(['a', '▁'])
  })
})
