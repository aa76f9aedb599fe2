import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../../base/index.js'
import type { BytePairDefinition } from '../subword/index.js'
import { createModel, type ModelDefinition } from '../subword/index.js'
import { createPreTokenizer, type PreTokenizerDefinition } from '../split/index.js'
import { wholePiece } from '../steps/pieces.js'
import { TokenList } from '../steps/token-list.js'
import { readTiktoken, type TiktokenOptions } from './tiktoken.js'
import { tiktokenEncodings } from './tiktoken-encodings.js'

/** A file of the 256 bytes and some longer tokens. */
function rankFile(tokens: readonly string[]): Uint8Array {
  const base64 = (bytes: Iterable<number>): string => btoa(String.fromCharCode(...bytes))
  const lines = Array.from({ length: 256 }, (_, byte) => `${base64([byte])} ${byte}\n`)
  tokens.forEach((token, i) => lines.push(`${base64(new TextEncoder().encode(token))} ${256 + i}\n`))
  return new TextEncoder().encode(lines.join(''))
}

function encode(bytes: Uint8Array, text: string, options: TiktokenOptions): number[] {
  const { preTokenizer, model } = readTiktoken(bytes, options)
  const list = new TokenList()
  const pieces = createPreTokenizer(preTokenizer as PreTokenizerDefinition)(wholePiece({ text, offset: 0 }))
  createModel(model as ModelDefinition).encode(pieces, 0, list, false)
  return [...list.ids.subarray(0, list.length)]
}

/**
 * What tiktoken does with a word: joins the neighbours whose token has the lowest rank, the first of them.
 */
function plainRanks(word: Uint8Array, ranks: ReadonlyMap<string, number>): number[] {
  const parts = [...word].map((byte) => String.fromCharCode(byte))
  const whole = ranks.get(parts.join(''))
  if (whole !== undefined) return [whole]
  for (;;) {
    let lowest = Infinity
    let at = -1
    for (let i = 1; i < parts.length; i++) {
      const rank = ranks.get(parts[i - 1]! + parts[i]!) ?? Infinity
      if (rank < lowest) [lowest, at] = [rank, i]
    }
    if (at < 0) return parts.map((part) => ranks.get(part)!)
    parts.splice(at - 1, 2, parts[at - 1]! + parts[at]!)
  }
}

const pattern = '\\S+|\\s+'

describe('a file of tiktoken', () => {
  it('cuts words as tiktoken does, of equal ranks the first', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 12 })
    const tokens = fc.uniqueArray(letters, { maxLength: 20 })
    fc.assert(
      fc.property(tokens, letters, (drawn, word) => {
        const longer = drawn.filter((token) => token.length > 1 || token === 'é')
        const ranks = new Map<string, number>()
        for (let byte = 0; byte < 256; byte++) ranks.set(String.fromCharCode(byte), byte)
        const spelled = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text))
        longer.forEach((token, i) => ranks.set(spelled(token), 256 + i))
        expect(encode(rankFile(longer), word, { pattern })).toEqual(
          plainRanks(new TextEncoder().encode(word), ranks),
        )
      }),
    )
  })

  it('is named, or comes with a pattern and special tokens', () => {
    const bytes = rankFile(['he', 'll', 'hell', ' w'])
    expect(encode(bytes, 'hello wow', { encoding: 'r50k_base', specials: {} })).toEqual([
      258, 111, 259, 111, 119,
    ])
    const { addedTokens } = readTiktoken(bytes, { pattern, specials: { '<|b|>': 301, '<|a|>': 300 } })
    expect(addedTokens.map(({ id, content, special }) => [id, content, special])).toEqual([
      [300, '<|a|>', true],
      [301, '<|b|>', true],
    ])
    expect(readTiktoken(bytes, { encoding: 'o200k_harmony' }).addedTokens).toHaveLength(1090)
    for (const encoding of tiktokenEncodings.keys())
      expect(readTiktoken(bytes, { encoding }).preTokenizer).not.toBeNull()
    expect(() => readTiktoken(bytes, {})).toThrow(UsageError)
    expect(() => readTiktoken(bytes, { encoding: 'cl200k' })).toThrow('cl100k_base')
  })

  it('may end its lines as Windows does', () => {
    const text = new TextDecoder().decode(rankFile(['he']))
    const { model } = readTiktoken(new TextEncoder().encode(text.replaceAll('\n', '\r\n')), { pattern })
    expect((model as BytePairDefinition).vocab.size).toBe(257)
  })

  it.each<[string, string, string]>([
    ['without a rank', 'YQ==\n', 'base64 and a rank'],
    ['with another word for a rank', 'YQ== a\n', 'base64 and a rank'],
    ['with a rank of 2^31', 'YQ== 2147483648\n', 'a rank up to'],
    ['with letters that are no base64', 'Y*== 0\n', 'base64'],
    ['with padding inside', 'Y=Q= 0\n', 'base64'],
    ['of 3 letters', 'YQ= 0\n', 'base64'],
    ['with a token twice', 'YQ== 0\nYQ== 1\n', 'tokens that are there once, found one again in line 2'],
    ['with a rank twice', 'YQ== 1\nYg== 1\n', 'ranks that are there once'],
    ['with a large gap', 'YQ== 1\nYg== 1000000\n', 'without large gaps'],
    ['without some bytes', 'YQ== 0\n', 'a token for each byte'],
    ['that is JSON', '{"version": "1.0"}', 'base64'],
  ])('%s is refused', (_, text, message) => {
    const read = (): unknown => readTiktoken(new TextEncoder().encode(text), { pattern })
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })

  it('whose special tokens have the ids of others is refused', () => {
    expect(() => readTiktoken(rankFile([]), { pattern, specials: { '<s>': 5 } })).toThrow('ids of their own')
    expect(() => readTiktoken(rankFile([]), { pattern, specials: { a: 300, b: 300 } })).toThrow(FormatError)
    expect(() => readTiktoken(rankFile([]), { pattern, specials: { a: 1.5 } })).toThrow(FormatError)
  })

  it('of tokens so long that merges would take long is refused', () => {
    const begun = performance.now()
    expect(() => readTiktoken(rankFile(['a'.repeat(30_000)]), { pattern })).toThrow('tokens that are short')
    expect(performance.now() - begun).toBeLessThan(2000)
  })

  it('of any bytes is read or refused', () => {
    const bytes = rankFile(['he', 'll'])
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = byte
        try {
          readTiktoken(changed, { pattern })
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})
