import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadTokenizer, saveTokenizer, trainByteLevel } from './index.js'
import { UsageError } from '../base/index.js'
import type { Tokenizer } from './index.js'
import { caseOf, pairsOf, readFixture, tokenizerWith } from './testing/cases.js'

const plain = tokenizerWith()
const noRegex = tokenizerWith({
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
})
const trimmed = loadTokenizer(readFixture('prefix-space').tokenizer)
const nfc = loadTokenizer(readFixture('split-nfc-template').tokenizer)

/** The merges as a file spells them, in order. */
function mergesOf(tokenizer: Tokenizer): [left: string, right: string][] {
  const { model } = JSON.parse(saveTokenizer(tokenizer)) as { model: { merges: [string, string][] } }
  return model.merges
}

/** Strings of everything: whole characters, English, white space, and what tokenizers stumble over. */
const wellFormed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      ...'etaoinshrd   \n\r\t',
      "'s",
      "'LL",
      '12',
      'é',
      'e\u0301',
      '\u0323',
      '한',
      '😀',
      '\u0085',
      '\ufeff',
      '\u3000',
    ),
    maxLength: 60,
  }),
)
/** Strings of any code units, lone surrogates included. */
const anything = fc.oneof(
  wellFormed,
  fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', '\ud83d\ude00', 'a', ' '), maxLength: 20 }),
)

describe('encode and decode', () => {
  it('give any well-formed text back', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(plain.decode(plain.encode(text).ids)).toBe(text)
        expect(noRegex.decode(noRegex.encode(text).ids)).toBe(text)
        expect(nfc.decode(nfc.encode(text, { addSpecial: false }).ids)).toBe(text.normalize('NFC'))
      }),
    )
  })

  it('give lone surrogates back as U+FFFD', () => {
    fc.assert(
      fc.property(anything, (text) => {
        expect(plain.decode(plain.encode(text).ids)).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text)),
        )
      }),
    )
    expect(caseOf(plain, 'a\ud800b')).toEqual({ ...caseOf(plain, 'a\ufffdb'), text: 'a\ud800b' })
  })

  it('gives spans in order that cover the text, and ids of the vocabulary', () => {
    fc.assert(
      fc.property(anything, (text) => {
        for (const tokenizer of [plain, noRegex]) {
          const { ids, tokens, spans } = tokenizer.encode(text)
          let covered = 0
          let last = 0
          for (const [start, end] of pairsOf(spans)) {
            expect(start!).toBeGreaterThanOrEqual(last)
            expect(start!).toBeLessThanOrEqual(covered)
            expect(end!).toBeGreaterThan(start!)
            last = start!
            covered = Math.max(covered, end!)
          }
          expect(covered).toBe(text.length)
          expect(tokens).toEqual([...ids].map((id) => tokenizer.token(id)))
          expect([...ids].every((id) => id >= 0 && id < tokenizer.size)).toBe(true)
        }
      }),
    )
  })

  it('gives spans inside of the text with every setting', () => {
    fc.assert(
      fc.property(anything, (text) => {
        for (const tokenizer of [trimmed, nfc]) {
          for (const [start, end] of pairsOf(tokenizer.encode(text).spans)) {
            expect(start!).toBeGreaterThanOrEqual(0)
            expect(end!).toBeGreaterThanOrEqual(start!)
            expect(end!).toBeLessThanOrEqual(text.length)
          }
        }
      }),
    )
  })

  it('give a stream of whole characters that adds up to the text', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const { ids } = plain.encode(text)
        const stream = plain.stream()
        const pieces = [...ids].map((id) => stream.push(id))
        expect(pieces.join('') + stream.end()).toBe(text)
        expect(pieces.every((piece) => !/[\ud800-\udfff]/u.test(piece))).toBe(true)
      }),
    )
  })

  it('completes a cut stream with U+FFFD', () => {
    const stream = plain.stream()
    const [first] = plain.encode('😀').ids
    expect(stream.push(first!)).toBe('')
    expect(stream.end()).toBe('\ufffd')
    expect(stream.push(plain.id('a')!)).toBe('a')
  })

  it('keeps a byte order mark', () => {
    expect(plain.decode(plain.encode('\ufeffa').ids)).toBe('\ufeffa')
    const stream = plain.stream()
    expect([...plain.encode('\ufeffa').ids].map((id) => stream.push(id)).join('')).toBe('\ufeffa')
  })

  it('counts a token for each merge of Sennrich et al., the lowest rank and the leftmost first', () => {
    const merges = mergesOf(noRegex)
    const rankOf = new Map(merges.map(([left, right], rank) => [`${left} ${right}`, rank]))
    /** The plain definition: look for the best pair again after each merge. */
    const mergedPlainly = (symbols: string[]): string[] => {
      for (;;) {
        const ranks = symbols.slice(1).map((right, i) => rankOf.get(`${symbols[i]!} ${right}`) ?? Infinity)
        const best = Math.min(...ranks)
        if (best === Infinity) return symbols
        const at = ranks.indexOf(best)
        symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!)
      }
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'thehersoundrea   '), maxLength: 60 }), (text) => {
        expect(noRegex.encode(text).tokens).toEqual(
          text === '' ? [] : mergedPlainly([...text.replaceAll(' ', 'Ġ')]),
        )
      }),
    )
  })

  it.each([
    ['one letter', 'a'.repeat(400_000)],
    ['many merges', 'thereinthat'.repeat(36_000)],
    ['white space', ' '.repeat(400_000)],
    ['white space and a letter', `${' '.repeat(400_000)}x`],
    ['line breaks', ' \n'.repeat(200_000)],
    ['emoji', '😀'.repeat(100_000)],
    ['NUL', '\0'.repeat(200_000)],
  ])('takes a long run of %s', (_, text) => {
    expect(plain.decode(plain.encode(text).ids)).toBe(text)
    expect(nfc.decode(nfc.encode(text, { addSpecial: false }).ids)).toBe(text)
  })

  it('takes a long run of marks out of order', () => {
    const text = `e${'\u0301\u0323'.repeat(50_000)}`
    const decoded = nfc.decode(nfc.encode(text, { addSpecial: false }).ids)
    expect(decoded).toBe(`\u1eb9${'\u0323'.repeat(49_999)}${'\u0301'.repeat(50_000)}`)
  })

  it('refuses what is no text, and ids without a token', () => {
    expect(() => plain.encode(7 as unknown as string)).toThrow(UsageError)
    for (const id of [-1, plain.size, 0.5, NaN]) expect(() => plain.decode([id])).toThrow(UsageError)
    expect(() => plain.stream().push(plain.size)).toThrow(UsageError)
    expect(plain.token(plain.size)).toBeUndefined()
    expect(plain.id('no such token')).toBeUndefined()
  })
})

describe('added tokens', () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }
  const withTokens = (...tokens: Record<string, unknown>[]): ReturnType<typeof tokenizerWith> =>
    tokenizerWith({ added_tokens: tokens.map((token, i) => ({ ...flags, id: 600 + i, ...token })) })

  it('are found leftmost and longest', () => {
    const tokenizer = withTokens({ content: '<a' }, { content: '<a>' }, { content: 'a>b' })
    expect(tokenizer.encode('<a>b<a').tokens).toEqual(['<a>', 'b', '<a'])
  })

  it('are ordinary text where special ones are not to be matched', () => {
    const tokenizer = withTokens({ content: '<s>', special: true }, { content: '<t>' })
    expect([...tokenizer.encode('<s><t>', { specials: 'allow' }).ids]).toEqual([600, 601])
    const { ids } = tokenizer.encode('<s><t>')
    expect([...ids]).not.toContain(600)
    expect([...ids]).toContain(601)
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('<s><t>')
  })

  it('take white space along', () => {
    const tokenizer = withTokens({ content: '<m>', lstrip: true, rstrip: true })
    expect(caseOf(tokenizer, 'a \n<m>\u3000<m> b').spans).toEqual([
      [0, 1],
      [1, 7],
      [7, 11],
      [11, 12],
    ])
  })

  it('that are single words leave longer ones alone', () => {
    const tokenizer = withTokens({ content: 'king', single_word: true })
    const found = (text: string): boolean => tokenizer.encode(text).ids.includes(600)
    expect(['king', 'a king.', '(king)', '𝔘-king'].map(found)).toEqual([true, true, true, true])
    expect(['kings', 'aking', 'king_', '𝔘king', 'king\u0301'].map(found)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
  })

  it('of white space that takes white space along are found once', () => {
    const tokenizer = withTokens({ content: '  ', lstrip: true, rstrip: true })
    expect(pairsOf(tokenizer.encode(' '.repeat(100_000)).spans)).toEqual([[0, 100_000]])
  })
})

describe('a vocabulary that lacks bytes', () => {
  const vocab = Object.fromEntries(['<unk>', 'a', 'b', 'ab'].map((token, id) => [token, id]))
  const model = { vocab, merges: [['a', 'b']] }

  it('leaves them out where it has no unknown token', () => {
    const tokenizer = tokenizerWith({ added_tokens: [] }, model)
    expect([...tokenizer.encode('abba').ids]).toEqual([3, 2, 1])
    expect(caseOf(tokenizer, 'abc')).toMatchObject({ ids: [3], spans: [[0, 2]] })
  })

  it('uses its unknown token, one a byte or one a run', () => {
    const each = tokenizerWith({ added_tokens: [] }, { ...model, unk_token: '<unk>' })
    expect(caseOf(each, 'aéab')).toMatchObject({
      ids: [1, 0, 0, 3],
      spans: [
        [0, 1],
        [1, 2],
        [1, 2],
        [2, 4],
      ],
    })
    const fused = tokenizerWith({ added_tokens: [] }, { ...model, unk_token: '<unk>', fuse_unk: true })
    expect(caseOf(fused, 'aéab')).toMatchObject({
      ids: [1, 0, 3],
      spans: [
        [0, 1],
        [1, 2],
        [2, 4],
      ],
    })
  })
})

describe('texts that would take too long', () => {
  it('look for long added tokens that begin alike at every place', () => {
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
    const content = `${'a'.repeat(1000)}b`
    const tokenizer = tokenizerWith({ added_tokens: [{ ...flags, id: 600, content }] })
    expect(() => tokenizer.encode('a'.repeat(100_000))).toThrow(/32 steps a character/)
    expect([...tokenizer.encode(content.repeat(3), { specials: 'allow' }).ids]).toEqual([600, 600, 600])
  })
})

describe('decoding added tokens', () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const decodedWith = (contents: readonly string[], changes: object = {}): ReturnType<typeof tokenizerWith> =>
    tokenizerWith({
      added_tokens: contents.map((content, i) => ({ ...flags, id: 600 + i, content, ...changes })),
    })
  const streamed = (tokenizer: Tokenizer, ids: Iterable<number>): string => {
    const stream = tokenizer.stream()
    let text = ''
    for (const id of ids) text += stream.push(id)
    return text + stream.end()
  }

  it.each([
    '<|début|>',
    '‹|début|>',
    'étoile',
    'Ġthé',
    'ĠĊ',
    'Ċé',
    '  é ',
    'é é',
    'Ã©',
    'é',
    '🙂é',
    '\u00adé',
    '\n\té',
  ])('keeps every character of the special token %j', (content) => {
    for (const changes of [{}, { normalized: true }, { lstrip: true, rstrip: true }]) {
      // Not one of the vocabulary's own tokens: those are the next test's.
      if (tokenizerWith({ added_tokens: [] }).id(content) !== undefined) continue
      const tokenizer = decodedWith([content], changes)
      const { ids } = tokenizer.encode(`a${content}é b`, { specials: 'allow' })
      expect([...ids]).toContain(600)
      expect(tokenizer.decode(ids)).toBe(`a${content}é b`)
      expect(streamed(tokenizer, ids)).toBe(`a${content}é b`)
      expect(tokenizer.decode([600])).toBe(content)
      expect(tokenizer.token(600)).toBe(content)
      expect(tokenizer.id(content)).toBe(600)
    }
  })

  it('are written as they stand in the normalized text, where they are found there', () => {
    const tokenizer = tokenizerWith({
      normalizer: { type: 'NFC' },
      added_tokens: [{ ...flags, id: 600, content: 'xe\u0301x', normalized: true, special: true }],
    })
    expect([...tokenizer.encode('x\u00e9x', { specials: 'allow' }).ids]).toEqual([600])
    expect(tokenizer.decode([600])).toBe('x\u00e9x')
    // As in the original: what is left out is what is spelled as a special token is.
    expect(tokenizer.decode([600], { skipSpecial: true })).toBe('x\u00e9x')
    expect(tokenizer.id(tokenizer.token(600)!)).toBe(600)
    expect(tokenizer.id('xe\u0301x')).toBe(600)
  })

  it('leaves bytes that words become what they were, where a file adds their token', () => {
    const space = tokenizerWith().id('Ġ')!
    const lead = tokenizerWith().id('é')!
    const added = [
      { ...flags, special: false, id: space, content: 'Ġ' },
      { ...flags, special: false, id: lead, content: 'é' },
    ]
    const tokenizer = tokenizerWith({ added_tokens: added })
    const text = 'a 退 b'
    expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(text)
  })

  it('gives any text of added tokens and others back', () => {
    const content = fc.string({ unit: fc.constantFrom(...'éĠĊÃ©ÿ<|>ab 🙂‹'), minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(
        fc.uniqueArray(content, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(3)),
        (contents, picks) => {
          const own = tokenizerWith({ added_tokens: [] })
          const tokenizer = decodedWith(contents.filter((one) => own.id(one) === undefined))
          const text = picks.map((pick) => (contents[pick] ?? 'é ') + 'x').join('')
          const { ids } = tokenizer.encode(text, { specials: 'allow' })
          expect(tokenizer.decode(ids)).toBe(text)
          expect(streamed(tokenizer, ids)).toBe(text)
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('trainByteLevel', () => {
  it('takes special tokens that look like bytes where no text has those bytes', () => {
    const special = ['<|début|>', 'ÿ', '‹é›']
    const trained = trainByteLevel(['début é ÿ'], { vocabularySize: 270, special })
    for (const tokenizer of [trained, loadTokenizer(saveTokenizer(trained))]) {
      const text = `é${special.join(' début ')}退`
      expect(tokenizer.decode(tokenizer.encode(text).ids)).toBe(text)
    }
    for (const content of ['é', 'Ġ', 'Ġthe', 'Ã©', 'Ċ'])
      expect(() => trainByteLevel([], { vocabularySize: 300, special: [content] })).toThrow(UsageError)
  })

  it('merges the most frequent pair first, of equal ones that of the lower ids', () => {
    const trained = trainByteLevel(['ab ab ab cd cd', 'abx'], { vocabularySize: 259, special: ['<s>'] })
    expect(mergesOf(trained)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    expect(trained.size).toBe(259)
    expect(trained.id('<s>')).toBe(0)
    expect(trained.encode('<s>abcd', { specials: 'allow' }).tokens).toEqual(['<s>', 'ab', 'cd'])
  })

  it('agrees with counting all pairs anew for each merge', () => {
    const text = fc.string({ unit: fc.constantFrom(...'aabbcd  '), maxLength: 30 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), fc.nat(12), fc.boolean(), (texts, count, useRegex) => {
        const trained = trainByteLevel(texts, { vocabularySize: 256 + count, useRegex })
        const expected = trainedPlainly(texts, count, useRegex, (token) => trained.id(token)!)
        expect(mergesOf(trained)).toEqual(expected)
      }),
    )
  })

  it('gives tokenizers that encode alike once saved and loaded', () => {
    const options = fc.record({
      useRegex: fc.boolean(),
      addPrefixSpace: fc.boolean(),
      trimSpans: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 5 }), options, wellFormed, (texts, chosen, text) => {
        const trained = trainByteLevel(texts, { vocabularySize: 270, special: ['<|end|>', '7'], ...chosen })
        const file = saveTokenizer(trained)
        const loaded = loadTokenizer(file)
        expect(saveTokenizer(loaded)).toBe(file)
        expect(caseOf(loaded, text)).toEqual(caseOf(trained, text))
      }),
      { numRuns: 30 },
    )
  })

  it('tells its progress', () => {
    const seen: number[] = []
    trainByteLevel(['abcabc'], { vocabularySize: 300, onProgress: (tokens, size) => seen.push(tokens, size) })
    expect(seen).toEqual([257, 300, 258, 300, ...seen.slice(4)])
  })

  it.each([
    [{ vocabularySize: 255 }],
    [{ vocabularySize: 256, special: ['<s>'] }],
    [{ vocabularySize: NaN }],
    [{ vocabularySize: 1e9 }],
    [{ vocabularySize: 300, minimumFrequency: -1 }],
    [{ vocabularySize: 300, special: [''] }],
    [{ vocabularySize: 300, special: ['\ud800'] }],
  ])('refuses %o', (options) => {
    expect(() => trainByteLevel([], options)).toThrow(UsageError)
  })

  it('refuses texts that are no strings', () => {
    expect(() => trainByteLevel([7 as unknown as string], { vocabularySize: 300 })).toThrow(UsageError)
  })
})

/** The plain definition of training on ASCII texts: count every pair, merge the best everywhere, again. */
function trainedPlainly(
  texts: string[],
  count: number,
  useRegex: boolean,
  id: (token: string) => number,
): string[][] {
  const words = texts
    .flatMap((text) => (useRegex ? (text.match(/ ?[a-z]+|\s+(?!\S)|\s+/g) ?? []) : text === '' ? [] : [text]))
    .map((word) => [...word.replaceAll(' ', 'Ġ')])
  const merges = new Map<string, string[]>()
  const tokens = new Set<string>()
  while (tokens.size < count) {
    const counts = new Map<string, { pair: [string, string]; count: number }>()
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        const pair: [string, string] = [word[i]!, word[i + 1]!]
        const entry = counts.get(pair.join(' ')) ?? { pair, count: 0 }
        entry.count++
        counts.set(pair.join(' '), entry)
      }
    }
    const [best] = [...counts.values()].sort(
      (a, b) => b.count - a.count || id(a.pair[0]) - id(b.pair[0]) || id(a.pair[1]) - id(b.pair[1]),
    )
    if (best === undefined || best.count < 2) break
    const [left, right] = best.pair
    merges.set(best.pair.join(' '), best.pair)
    tokens.add(left + right)
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right)
      }
    }
  }
  return [...merges.values()]
}
