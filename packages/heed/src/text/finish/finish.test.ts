import { describe, expect, it, test } from 'vitest'
import { FormatError, readJson, UsageError } from '../../base/index.js'
import { ReadContext } from '../steps/component.js'
import { TokenList } from '../steps/token-list.js'
import { createPostProcessor, type Encoding, finish, padBatch } from './index.js'
import { readPadding, readPostProcessor, readTruncation, type TextTokens } from './index.js'

const vocabulary = ['[PAD]', '[CLS]', '[SEP]', 'a', 'b', 'c', 'Ġd', ' <e> ', 'ĠĠ']
const tokenOf = (id: number): string | undefined => vocabulary[id]
const json = (value: unknown) => readJson(JSON.stringify(value), { operation: 'test' })
const processor = (value: unknown) => {
  const context = new ReadContext(vocabulary.length - 1)
  return createPostProcessor(readPostProcessor(json(value), context))
}

/** Tokens of one character each, words of one token. */
function text(ids: readonly number[], original = 'x'.repeat(ids.length)): TextTokens {
  const list = new TokenList()
  ids.forEach((id, i) => list.push(id, i, i + 1, i))
  return { list, text: original }
}

interface Settings {
  readonly post?: unknown
  readonly truncation?: unknown
  readonly addSpecial?: boolean
}

function encode(
  texts: readonly TextTokens[],
  { post = null, truncation = null, addSpecial = true }: Settings = {},
): Encoding {
  return finish({
    texts: texts as [TextTokens],
    postProcessor: processor(post),
    addSpecial,
    truncation: readTruncation(json(truncation)),
    tokenOf,
  })
}

const show = (encoding: Encoding) => ({
  tokens: encoding.tokens.join(' '),
  spans: [...encoding.spans].join(' '),
  words: [...encoding.wordIds].join(' '),
  types: [...encoding.typeIds].join(' '),
  special: [...encoding.specialTokensMask].join(' '),
  attention: [...encoding.attentionMask].join(' '),
  sequences: [...encoding.sequenceIds].join(' '),
})

const sequenceOf = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } })
const tokenPiece = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } })
const special_tokens = {
  CLS: { id: 'CLS', ids: [1, 0], tokens: ['[CLS]', '[1]'] },
  SEP: { id: 'SEP', ids: [2], tokens: ['[SEP]'] },
}
const templated = {
  type: 'TemplateProcessing',
  single: [tokenPiece('CLS', 4), sequenceOf('A', 3), tokenPiece('SEP', 0)],
  pair: [sequenceOf('B', 1), tokenPiece('SEP', 1), sequenceOf('A', 2)],
  special_tokens,
}
const bert = { type: 'BertProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1] }
const roberta = { ...bert, type: 'RobertaProcessing', trim_offsets: true, add_prefix_space: false }

describe('without a post-processor', () => {
  it('one text is all of sequence 0, and two are of types and sequences 0 and 1', () => {
    expect(show(encode([text([3, 4])]))).toEqual({
      tokens: 'a b',
      spans: '0 1 1 2',
      words: '0 1',
      types: '0 0',
      special: '0 0',
      attention: '1 1',
      sequences: '0 0',
    })
    const pair = show(encode([text([3]), text([4, 5])]))
    expect(pair).toMatchObject({ tokens: 'a b c', types: '0 1 1', sequences: '0 1 1', words: '0 0 1' })
    expect(encode([text([])]).length).toBe(0)
  })
})

describe('a template', () => {
  it('puts special tokens and types where it says, for one text and for two', () => {
    expect(show(encode([text([3, 4])], { post: templated }))).toEqual({
      tokens: '[CLS] [1] a b [SEP]',
      spans: '0 0 0 0 0 1 1 2 0 0',
      words: '-1 -1 0 1 -1',
      types: '4 4 3 3 0',
      special: '1 1 0 0 1',
      attention: '1 1 1 1 1',
      sequences: '-1 -1 0 0 -1',
    })
    const pair = show(encode([text([3]), text([4, 5])], { post: templated }))
    expect(pair).toMatchObject({ tokens: 'b c [SEP] a', types: '1 1 1 2', sequences: '1 1 -1 0' })
    const bare = show(encode([text([3, 4])], { post: templated, addSpecial: false }))
    expect(bare).toMatchObject({ tokens: 'a b', types: '3 3', sequences: '0 0' })
  })

  it('for two texts that the file lacks puts nothing between them', () => {
    const { pair: _, ...single } = templated
    const both = show(encode([text([3]), text([4, 5])], { post: single }))
    expect(both).toMatchObject({ tokens: 'a b c', types: '0 1 1' })
  })

  const step = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true }
  test.each<[string, unknown]>([
    ['a text that is there twice', { ...templated, single: [sequenceOf('A', 0), sequenceOf('A', 0)] }],
    ['a second text where there is one', { ...templated, single: [sequenceOf('B', 0)] }],
    ['a token that it lacks', { ...templated, single: [tokenPiece('MASK', 0)] }],
    [
      'more ids than tokens',
      { ...templated, special_tokens: { a: { id: 'a', ids: [1, 1], tokens: ['a'] } } },
    ],
    ['an id beyond the vocabulary', { ...bert, sep: ['x', 9] }],
    ['two thousand parts', { ...templated, pair: Array.from({ length: 2000 }, () => tokenPiece('SEP', 0)) }],
    ['pieces as text', { ...templated, single: ['$A'] }],
    ['no fields', { type: 'ByteLevel' }],
    ['another type', { type: 'toString' }],
    ['no type', { processors: [] }],
    ['a list of null', { type: 'Sequence', processors: [null] }],
    [
      'more steps than there may be',
      { type: 'Sequence', processors: Array.from({ length: 65 }, () => step) },
    ],
  ])('with %s is refused', (_, post) => expect(() => processor(post)).toThrow(FormatError))

  it('behind another one that made more than two parts is refused', () => {
    const post = { type: 'Sequence', processors: [templated, templated] }
    expect(() => encode([text([3])], { post })).toThrow(UsageError)
    expect(encode([text([3])], { post, addSpecial: false }).tokens).toEqual(['a'])
  })
})

describe('the post-processors of BERT and RoBERTa', () => {
  it('enclose the texts, with types 0 and 1 or all 0', () => {
    const texts = [text([3]), text([4, 5])]
    expect(show(encode(texts, { post: bert }))).toEqual({
      tokens: '[CLS] a [SEP] b c [SEP]',
      spans: '0 0 0 1 0 0 0 1 1 2 0 0',
      words: '-1 0 -1 0 1 -1',
      types: '0 0 0 1 1 1',
      special: '1 0 1 0 0 1',
      attention: '1 1 1 1 1 1',
      sequences: '-1 0 -1 1 1 -1',
    })
    const second = show(encode(texts, { post: roberta }))
    expect(second).toMatchObject({ tokens: '[CLS] a [SEP] [SEP] b c [SEP]', types: '0 0 0 0 0 0 0' })
    expect(show(encode(texts, { post: roberta, addSpecial: false }))).toMatchObject({ types: '0 0 0' })
  })

  it('are told apart by their fields, as in older files', () => {
    const { type: _, ...untyped } = bert
    for (const post of [untyped, { ...bert, type: 'RobertaProcessing' }])
      expect(readPostProcessor(json(post), new ReadContext(9))).toEqual(bert)
    expect(readPostProcessor(json({ ...roberta, type: 'BertProcessing' }), new ReadContext(9))).toEqual(
      roberta,
    )
  })
})

describe('trimmed spans', () => {
  const trimming = (add_prefix_space: boolean) => ({
    type: 'ByteLevel',
    add_prefix_space,
    trim_offsets: true,
  })
  const spansOf = (
    post: unknown,
    original: string,
    ...tokens: readonly (readonly [id: number, start: number, end: number])[]
  ): number[] => {
    const list = new TokenList()
    tokens.forEach(([id, start, end], i) => list.push(id, start, end, i))
    return [...encode([{ list, text: original }], { post }).spans]
  }

  it('leave out white space, but one space that was put in front', () => {
    expect(spansOf(trimming(true), 'd d', [6, 0, 1], [6, 1, 3])).toEqual([0, 1, 2, 3])
    expect(spansOf(trimming(false), ' d d', [6, 0, 2], [6, 2, 4])).toEqual([1, 2, 3, 4])
    expect(spansOf(trimming(true), '  x', [8, 0, 2])).toEqual([2, 2])
    // A span that the space isn't in is cut all the same, up to nothing.
    expect(spansOf(trimming(true), 'xd', [3, 0, 1], [6, 1, 2])).toEqual([0, 1, 2, 2])
  })

  it('count characters of the text, whatever they are', () => {
    expect(spansOf(trimming(true), '😀e😀', [7, 0, 5])).toEqual([0, 3])
    expect(spansOf(trimming(false), '😀e😀', [7, 0, 5])).toEqual([2, 3])
    expect(spansOf(trimming(false), '\ud83de\ude00', [7, 0, 3])).toEqual([1, 2])
    // Fewer characters than the token ends with: the end stays.
    expect(spansOf(trimming(false), '😀', [8, 0, 2])).toEqual([2, 2])
  })

  it('of words are within each word', () => {
    const list = new TokenList()
    list.push(7, 0, 3, 0)
    list.pushSpelled(3, '\u3000a\u2003', 0, 4, 1)
    const words = { list, text: [' e ', '😀a '] }
    expect([...encode([words], { post: trimming(false) }).spans]).toEqual([1, 2, 2, 3])
  })
})

describe('truncation', () => {
  const cut = (
    max_length: number,
    more: Record<string, unknown> = {},
    post: unknown = bert,
    ...texts: TextTokens[]
  ): string[] => {
    const truncation = { max_length, stride: 0, strategy: 'LongestFirst', direction: 'Right', ...more }
    const encoding = encode(texts.length === 0 ? [text([3, 4, 5, 6, 3])] : texts, { post, truncation })
    return [encoding, ...encoding.overflow].map(({ tokens }) => tokens.join(' '))
  }

  it('keeps what the post-processor adds; the rest comes in windows', () => {
    expect(cut(7)).toEqual(['[CLS] a b c Ġd a [SEP]'])
    expect(cut(5)).toEqual(['[CLS] a b c [SEP]', '[CLS] Ġd a [SEP]'])
    expect(cut(5, { stride: 2 })).toEqual(['[CLS] a b c [SEP]', '[CLS] b c Ġd [SEP]', '[CLS] c Ġd a [SEP]'])
    expect(cut(5, { stride: 1, direction: 'Left' })).toEqual(['[CLS] c Ġd a [SEP]', '[CLS] a b c [SEP]'])
    expect(cut(5, { direction: 'Left' }, null)).toEqual(['a b c Ġd a'])
  })

  it('to what is added leaves only that, and to less cuts nothing', () => {
    expect(cut(2)).toEqual(['[CLS] [SEP]', '[CLS] a b c Ġd a [SEP]'])
    expect(cut(1)).toEqual(['[CLS] a b c Ġd a [SEP]'])
    expect(cut(0, {}, null)).toEqual(['', 'a b c Ġd a'])
  })

  it('of two texts cuts the longer one, then both', () => {
    const first = text([3, 3, 3])
    const second = text([4, 4, 4, 4, 4])
    const kept = (most: number, more: Record<string, unknown> = {}): string =>
      cut(most, more, null, first, second)[0]!
    expect(kept(7)).toBe('a a a b b b b')
    expect(kept(5)).toBe('a a b b b')
    expect(kept(1)).toBe('b')
    expect(kept(6, { strategy: 'OnlyFirst' })).toBe('a b b b b b')
    expect(kept(6, { strategy: 'OnlySecond' })).toBe('a a a b b b')
    expect(cut(4, {}, null, first, text([4, 4, 4]))).toEqual(['a a b b', 'a b b', 'a b', 'a a b'])
    const types = encode([first, second], { post: templated, truncation: { max_length: 4 } })
    expect([...types.typeIds]).toEqual([1, 1, 1, 2])
    // Windows keep the types of their texts, as in the package.
    expect([...types.overflow.at(-1)!.typeIds]).toEqual([1, 1, 1, 0])
  })

  test.each<[string, () => unknown]>([
    [
      'a text too short to give enough',
      () => cut(2, { strategy: 'OnlyFirst' }, null, text([3]), text([4, 4])),
    ],
    ['a second text that is not there', () => cut(2, { strategy: 'OnlySecond' }, null)],
    ['a stride as long as what is left', () => cut(5, { stride: 3 })],
    ['a stride longer than what could be left', () => cut(9, { stride: 8 }, bert, text([3]))],
  ])('refuses %s', (_, call) => expect(call).toThrow(UsageError))

  it('takes a stride that only a pair leaves no room for, where nothing is cut', () => {
    expect(cut(6, { stride: 4 }, roberta, text([3]), text([4]))).toEqual(['[CLS] a [SEP] [SEP] b [SEP]'])
    expect(() => cut(6, { stride: 4 }, roberta, text([3, 3]), text([4]))).toThrow(UsageError)
  })

  it('makes windows only where they are asked for, and only so many', () => {
    const long = text(Array.from({ length: 300_000 }, () => 3))
    const encoding = encode([long, long], { truncation: { max_length: 2 } })
    expect(encoding.tokens).toEqual(['a', 'a'])
    expect(() => encoding.overflow).toThrow(/at most 262144 windows, found 89999999999/)
  })
})

describe('padding', () => {
  const padding = {
    strategy: 'BatchLongest',
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 7,
    pad_token: '[PAD]',
  }
  const pad = (encodings: readonly Encoding[], more: Record<string, unknown> = {}) =>
    padBatch(encodings, readPadding(json({ ...padding, ...more }), 9))

  it('fills up to the longest, a multiple, or a length', () => {
    const encodings = [encode([text([3])], { post: bert }), encode([text([3, 4, 5])], { post: bert })]
    expect(show(pad(encodings)[0]!)).toEqual({
      tokens: '[CLS] a [SEP] [PAD] [PAD]',
      spans: '0 0 0 1 0 0 0 0 0 0',
      words: '-1 0 -1 -1 -1',
      types: '0 0 0 7 7',
      special: '1 0 1 1 1',
      attention: '1 1 1 0 0',
      sequences: '-1 0 -1 -1 -1',
    })
    const left = pad(encodings, { direction: 'Left', pad_to_multiple_of: 4 }).map(show)
    expect(left[0]).toMatchObject({
      tokens: '[PAD] [PAD] [PAD] [PAD] [PAD] [CLS] a [SEP]',
      sequences: '-1 -1 -1 -1 -1 -1 0 -1',
      attention: '0 0 0 0 0 1 1 1',
    })
    expect(left[1]!.tokens).toBe('[PAD] [PAD] [PAD] [CLS] a b c [SEP]')
    expect(pad(encodings, { strategy: { Fixed: 4 } }).map(({ length }) => length)).toEqual([4, 5])
    expect(padBatch(encodings, null)[1]).toBe(encodings[1])
    expect(pad([])).toEqual([])
  })

  it('fills up the windows of the overflow too', () => {
    const encoding = encode([text([3, 4, 5])], { truncation: { max_length: 2 } })
    expect(pad([encoding])[0]!.overflow.map(({ tokens }) => tokens)).toEqual([['c', '[PAD]']])
  })

  test.each<[string, unknown]>([
    ['an endless length', { ...padding, strategy: { Fixed: 2 ** 40 } }],
    ['an id beyond the vocabulary', { ...padding, pad_id: 10 }],
    ['another strategy', { ...padding, strategy: 'Longest' }],
    ['another side', { ...padding, direction: 'right' }],
  ])('with %s is refused', (_, value) => expect(() => readPadding(json(value), 9)).toThrow(FormatError))
})
