import fc from 'fast-check'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import { ggufFile, type GgufTestValue } from '../../formats/testing/gguf-file.js'
import { readGgufVocabulary } from './gguf-vocabulary.js'
import { saveTokenizer } from './save-tokenizer.js'
import { type PlainTokenizer, plainTokenizer } from './testing/encode.js'
import { readTokenizerJson } from './tokenizer-json.js'

type Token = readonly [text: string, type?: number, score?: number]
const [normal, unknown, control, userDefined, byte] = [1, 2, 3, 4, 6]

function vocabularyFile(
  model: string,
  tokens: readonly Token[],
  more: Readonly<Record<string, GgufTestValue>> = {},
): Uint8Array {
  const own: Record<string, GgufTestValue> = {}
  for (const [name, value] of Object.entries(more))
    own[name.includes('.') ? name : `tokenizer.ggml.${name}`] = value
  return ggufFile({
    'general.architecture': 'llama',
    'tokenizer.ggml.model': model,
    'tokenizer.ggml.tokens': tokens.map(([text]) => text),
    'tokenizer.ggml.token_type': { type: 5, value: tokens.map(([, type = normal]) => type) },
    'tokenizer.ggml.scores': { type: 6, value: tokens.map(([, , score = 0]) => score) },
    ...own,
  })
}

/** Read, saved with types of heed's own, and read again: the same. */
function read(file: Uint8Array): PlainTokenizer {
  const definition = readGgufVocabulary(file)
  const saved = saveTokenizer(definition)
  expect(saveTokenizer(readTokenizerJson(saved))).toBe(saved)
  return plainTokenizer(definition)
}

const id = (value: number): GgufTestValue => ({ type: 4, value })
const letters = (text: string): Token[] => [...text].map((letter) => [letter])

describe('the vocabulary of a GGUF file', () => {
  it('gpt2: byte pairs, words cut as the name says; of a merge that comes twice the first counts', () => {
    const tokens: Token[] = [
      ...letters('helo1Ġ'),
      ['he'],
      ['ll'],
      ['lo'],
      ['Ġhe'],
      ['<|endoftext|>', control],
    ]
    const merges = ['h e', 'l l', 'l o', 'Ġ he', 'h e']
    const {
      ids,
      tokens: cut,
      decode,
    } = read(
      vocabularyFile('gpt2', tokens, { pre: 'smollm', merges, bos_token_id: id(10), eos_token_id: id(10) }),
    )
    expect(cut('hello hello11')).toEqual(['he', 'll', 'o', 'Ġhe', 'll', 'o', '1', '1'])
    expect(decode(ids('hello hello'))).toBe('hello hello')
    expect(cut('<|endoftext|>')).toEqual(['e', 'o', 'e'])
    expect(cut('<|endoftext|>', true)).toEqual(['<|endoftext|>'])
  })

  it('llama: pairs by scores, bytes, spaces in front', () => {
    const bytes = Array.from({ length: 256 }, (_, one): Token => [
      `<0x${one.toString(16).toUpperCase().padStart(2, '0')}>`,
      byte,
    ])
    const tokens: Token[] = [
      ['<unk>', unknown],
      ['<s>', control],
      ['</s>', control],
      ...bytes,
      ['▁', normal, -10],
      ['h', normal, -11],
      ['e', normal, -12],
      ['▁h', normal, -2],
      ['he', normal, -1],
      ['<tool>', userDefined],
    ]
    const { tokens: cut, withSpecial, decode, ids } = read(vocabularyFile('llama', tokens))
    expect(cut('he é<tool>he')).toEqual(['▁', 'he', '▁', '<0xC3>', '<0xA9>', '<tool>', '▁', 'he'])
    expect(withSpecial('h</s>')).toEqual([1, 262, 2])
    expect(decode(ids('he é'))).toBe(' he é')
    const plain = read(vocabularyFile('llama', tokens, { add_space_prefix: false, add_bos_token: false }))
    expect(plain.tokens('he h')).toEqual(['he', '▁h'])
    expect(plain.withSpecial('h')).toEqual([260])
  })

  it('bert: pieces that begin a word have ▁ in front', () => {
    const tokens: Token[] = [
      ['[UNK]', unknown],
      ['[CLS]', control],
      ['[SEP]', control],
      ['▁he'],
      ['llo'],
      ['▁!'],
      ['▁中'],
      ['▁e'],
    ]
    const ids = { unknown_token_id: id(0), bos_token_id: id(1), seperator_token_id: id(2) }
    const { tokens: cut, withSpecial, decode } = read(vocabularyFile('bert', tokens, ids))
    expect(cut('HÉllo! 中É x\u200b')).toEqual(['▁he', 'llo', '▁!', '▁中', '▁e', '[UNK]'])
    expect(withSpecial('he[SEP]')).toEqual([1, 3, 2, 2])
    expect(decode([3, 4, 5])).toBe(' hello !')
    const cased = read(
      vocabularyFile('bert', tokens, { ...ids, 'tokenizer.ggml.normalizer.lowercase': false }),
    )
    expect(cased.tokens('he HE é')).toEqual(['▁he', '[UNK]', '[UNK]'])
  })

  it('t5: the best way, spaces removed where the file says so', () => {
    const tokens: Token[] = [
      ['<pad>', control],
      ['</s>', control],
      ['<unk>', unknown],
      ['▁', normal, -2],
      ['a', normal, -3],
      ['▁a', normal, -3.5],
      ['aa', normal, -4],
    ]
    const { tokens: cut, withSpecial } = read(
      vocabularyFile('t5', tokens, { add_space_prefix: true, remove_extra_whitespaces: true }),
    )
    expect(cut('  aa  a </s>')).toEqual(['▁', 'aa', '▁a', '▁', '<unk>'])
    expect(cut('a▁  ')).toEqual(['▁a', '▁'])
    expect(withSpecial('a')).toEqual([5, 1])
  })

  it('knows tokens by their names, and white space beside them by that of the model', () => {
    const tokens: Token[] = [...letters('a Ġ'), ['<|im_end|>'], ['<|message|>', control], ['<mask>', control]]
    const options = { pre: 'gpt-2', merges: [], 'general.name': 'Phi-3 mini' }
    const { addedTokens } = readGgufVocabulary(vocabularyFile('gpt2', tokens, options))
    expect(addedTokens.map(({ content, special, rstrip }) => [content, special, rstrip])).toEqual([
      ['<|im_end|>', true, true],
      ['<|message|>', false, true],
      ['<mask>', true, true],
    ])
  })

  it.each<[string, Uint8Array, string]>([
    ['of no tokenizer', ggufFile({ 'general.name': 'x' }), "'gpt2', 'llama', 'bert' or 't5'"],
    ['of another model', vocabularyFile('rwkv', [['a']]), "found 'rwkv'"],
    ['of an unknown pre-tokenizer', vocabularyFile('gpt2', [['a']], { pre: 'qwen3', merges: [] }), "'qwen2'"],
    ['without tokens', ggufFile({ 'tokenizer.ggml.model': 'llama' }), 'tokenizer.ggml.tokens'],
    [
      'with a token twice',
      vocabularyFile('llama', [['a'], ['a']]),
      'tokens that are there once, found one of the first',
    ],
    ['without merges', vocabularyFile('gpt2', [['a']]), 'tokenizer.ggml.merges'],
    [
      'with a merge of other tokens',
      vocabularyFile('gpt2', [['a']], { merges: ['a b'] }),
      'number 1 of others',
    ],
    [
      'with fewer types',
      vocabularyFile('llama', [['a']], { token_type: { type: 5, value: [] } }),
      'as long as',
    ],
    ['with infinite scores', vocabularyFile('llama', [['a', 1, Infinity]]), 'to be finite'],
    [
      'with rules that are none',
      vocabularyFile('t5', [['<unk>', 2]], {
        unknown_token_id: id(0),
        precompiled_charsmap: { type: 0, value: [1, 2, 3] },
      }),
      'rules of SentencePiece',
    ],
  ])('%s is refused', (_, file, message) => {
    const load = (): unknown => plainTokenizer(readGgufVocabulary(file))
    expect(load).toThrow(FormatError)
    expect(load).toThrow(message)
  })

  it('of any bytes is read or refused', () => {
    const files = [
      vocabularyFile('gpt2', [...letters('ab'), ['ab']], { pre: 'llama-bpe', merges: ['a b'] }),
      vocabularyFile('llama', [['<unk>', 2], ['<s>', 3], ['</s>', 3], ['a'], ['aa', 1, -1]]),
      vocabularyFile('t5', [
        ['<pad>', 3],
        ['</s>', 3],
        ['<unk>', 2],
        ['a', 1, -1],
      ]),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.nat(), fc.nat(255), (file, at, one) => {
        const changed = Uint8Array.from(file)
        changed[at % file.length] = one
        try {
          plainTokenizer(readGgufVocabulary(changed)).ids('ab aa </s>')
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
    )
  })
})

interface GgufCase {
  readonly text: string
  readonly ids: number[]
  readonly with_special: number[]
  readonly decoded: string
}

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers', 'gguf')
const fetched = process.env['HEED_REFERENCE_TOKENIZERS']

function pathOf(name: string): string {
  return name.startsWith('real-')
    ? join(fetched ?? '', 'gguf', `${name.slice(5)}.gguf`)
    : join(folder, `${name}.gguf`)
}

const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith('.cases.json.gz'))
      .map((file) => file.replace('.cases.json.gz', ''))
      .filter((name) => existsSync(pathOf(name)))
  : []

describe.skipIf(names.length === 0)('vocabularies of the reference (set HEED_SHARED to run)', () => {
  it.each(names)('%s: as llama.cpp has it', (name) => {
    const { cases } = JSON.parse(
      gunzipSync(readFileSync(join(folder, `${name}.cases.json.gz`))).toString(),
    ) as { cases: GgufCase[] }
    const definition = readGgufVocabulary(readFileSync(pathOf(name)))
    const { ids, withSpecial, decode } = plainTokenizer(definition)
    expect(cases.length).toBeGreaterThan(100)
    const long = new Set(tokensBeyond(32, decode, cases))
    for (const one of cases) {
      const { text } = one
      expect({ text, ids: ids(text), with_special: withSpecial(text) }).toEqual({
        text,
        ids: one.ids,
        with_special: one.with_special,
      })
      // The package around llama.cpp that wrote the cases leaves out tokens of more than 32 bytes.
      const shown = one.ids.filter((own) => !long.has(own))
      expect(decode(shown.length < one.ids.length ? shown : one.ids), text).toBe(one.decoded)
    }
    const path = `${pathOf(name)}.inp`
    if (!existsSync(path)) return
    const texts = readFileSync(path, 'utf8').split('\n__ggml_vocab_test__\n')
    const rows = readFileSync(path.replace(/inp$/, 'out'), 'utf8').split('\n')
    texts.forEach((text, i) =>
      expect(ids(text), text).toEqual(rows[i]!.split(' ').filter(Boolean).map(Number)),
    )
  })
})

function tokensBeyond(
  length: number,
  decode: (ids: readonly number[]) => string,
  cases: readonly GgufCase[],
): number[] {
  const all = new Set(cases.flatMap(({ ids }) => ids))
  return [...all].filter((own) => new TextEncoder().encode(decode([own])).length > length)
}
