import fc from 'fast-check'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import { type FieldValue, protobufMessage } from '../../formats/testing/protobuf-message.js'
import { createDecoder, type DecoderDefinition } from '../decode/index.js'
import type { TokenizerDefinition } from '../definition.js'
import { pieceType } from '../subword/index.js'
import { saveTokenizer } from './save-tokenizer.js'
import { readSentencePiece } from './sentence-piece.js'
import { plainTokenizer } from './testing/encode.js'
import { readTokenizerJson } from './tokenizer-json.js'

const { unknown, control, userDefined, unused, byte } = pieceType
type Piece = readonly [text: string, score: number, type?: number]
type Fields = readonly (readonly [number, FieldValue])[]

function modelFile(pieces: readonly Piece[], training: Fields = [], normalization: Fields = []): Uint8Array {
  return protobufMessage([
    ...pieces.map(
      ([text, score, type]) =>
        [
          1,
          protobufMessage([
            [1, text],
            [2, { float: score }],
            ...(type === undefined ? [] : [[3, type] as const]),
          ]),
        ] as const,
    ),
    [2, protobufMessage(training)],
    [3, protobufMessage(normalization)],
  ])
}

const bpe: Fields = [[3, 2]]
const specials: readonly Piece[] = [
  ['<unk>', 0, unknown],
  ['<s>', 0, control],
  ['</s>', 0, control],
]
const letters: readonly Piece[] = [...'▁helo'].map((letter, i) => [letter, -100 - i])
const tokens = (definition: TokenizerDefinition, text: string): string[] =>
  plainTokenizer(definition).tokens(text)
const decoded = (definition: TokenizerDefinition, pieces: string[]): string =>
  createDecoder(definition.decoder as DecoderDefinition)(pieces)

describe('a file of SentencePiece', () => {
  it('of byte pair encoding joins by scores, of equal ones the first', () => {
    const pieces: Piece[] = [...specials, ...letters, ['ll', -1], ['lll', -2], ['▁h', -2], ['he', -3]]
    const definition = readSentencePiece(modelFile(pieces, bpe))
    expect(definition.model.type).toBe('BPE')
    expect(tokens(definition, 'hello hell')).toEqual(['▁h', 'e', 'll', 'o', '▁h', 'e', 'll'])
    expect(tokens(definition, 'lllll')).toEqual(['▁', 'll', 'lll'])
    expect(tokens(definition, ' x<s>  ')).toEqual(['▁', '<unk>'])
  })

  it('of Unigram takes the best way', () => {
    const pieces: Piece[] = [...specials, ['▁', -2], ['a', -3], ['b', -3], ['ab', -5], ['▁a', -3.5]]
    const definition = readSentencePiece(modelFile(pieces))
    expect(definition.model.type).toBe('SentencePiece')
    expect(tokens(definition, 'ab aab')).toEqual(['▁a', 'b', '▁a', 'ab'])
    expect(tokens(definition, '</s>')).toEqual(['▁', '<unk>'])
  })

  it('finds user-defined pieces in the normalized text, and takes unused ones apart', () => {
    const own: readonly Piece[] = [...specials, ['▁▁', 0, userDefined], ['<x>', 0, userDefined], ...letters]
    for (const training of [bpe, []]) {
      const pieces: Piece[] = [...own, ['he', -1, unused], ['ll', -2]]
      const read = readSentencePiece(modelFile(pieces, training, [[4, 0]]))
      const definition = readTokenizerJson(saveTokenizer(read))
      expect(saveTokenizer(definition)).toBe(saveTokenizer(read))
      expect(tokens(definition, 'he<x> ll')).toEqual(['▁', 'h', 'e', '<x>', '▁', 'll'])
      expect(tokens(definition, ' he')).toEqual(['▁▁', 'h', 'e'])
    }
  })

  it('has bytes for what is unknown', () => {
    const bytes = Array.from({ length: 256 }, (_, one): Piece => [
      `<0x${one.toString(16).toUpperCase().padStart(2, '0')}>`,
      0,
      byte,
    ])
    const definition = readSentencePiece(modelFile([...specials, ...bytes, ...letters], [...bpe, [35, 1]]))
    expect(tokens(definition, 'éo')).toEqual(['▁', '<0xC3>', '<0xA9>', 'o'])
    expect(decoded(definition, ['▁', '<0xC3>', '<0xA9>', 'o', '▁', '<0xC3>', '▁h'])).toBe('éo \ufffd h')
  })

  it('treats spaces as it says', () => {
    const read = (training: Fields, normalization: Fields): TokenizerDefinition =>
      readSentencePiece(modelFile([...specials, ...letters], [...bpe, ...training], normalization))
    const text = (definition: TokenizerDefinition): string => tokens(definition, ' h  e ').join('')
    expect(text(read([], []))).toBe('▁h▁e')
    expect(text(read([], [[3, 0]]))).toBe('h▁e')
    expect(text(read([], [[4, 0]]))).toBe('▁▁h▁▁e▁')
    expect(text(read([[24, 1]], []))).toBe('h▁e▁')
    expect(tokens(read([], []), 'h▁ ▁')).toEqual(['▁', 'h'])
    expect(tokens(read([], []), '   ')).toEqual([])
    expect(decoded(read([], []), ['▁', '▁h', 'e', '▁l'])).toBe('he l')
    expect(decoded(read([], [[4, 0]]), ['▁', '▁h', 'e', '▁l'])).toBe(' he l')
    expect(decoded(read([], []), ['<unk>', '<s>', '▁h'])).toBe(' ⁇ <s> h')
  })

  it('puts the pieces for beginning and end around, if asked to', () => {
    const file = modelFile([...specials, ...letters], bpe)
    expect(readSentencePiece(file).postProcessor).toBeNull()
    expect(readSentencePiece(file, { addBeginning: true, addEnd: true }).postProcessor).toEqual({
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '<s>', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '</s>', type_id: 0 } },
      ],
      pair: [
        { SpecialToken: { id: '<s>', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '</s>', type_id: 0 } },
        { SpecialToken: { id: '<s>', type_id: 1 } },
        { Sequence: { id: 'B', type_id: 1 } },
        { SpecialToken: { id: '</s>', type_id: 1 } },
      ],
      special_tokens: new Map([
        ['<s>', { id: '<s>', ids: [1], tokens: ['<s>'] }],
        ['</s>', { id: '</s>', ids: [2], tokens: ['</s>'] }],
      ]),
    })
  })

  it.each<[string, Uint8Array, string]>([
    ['that is empty', new Uint8Array(0), 'a file with pieces'],
    ['of words', modelFile(specials, [[3, 3]]), 'type 3'],
    ['without a piece for what is unknown', modelFile([['a', 0]]), 'one piece for what is unknown'],
    ['with two of them', modelFile([...specials, ['x', 0, unknown]]), 'found several'],
    ['with a piece twice', modelFile([...specials, ['<s>', 0]]), "'<s>' again"],
    ['with an empty piece', modelFile([...specials, ['', 0]]), 'a piece with a text'],
    ['with a type of 7', modelFile([...specials, ['x', 0, 7]]), 'type 1 to 6'],
    ['with a score that is none', modelFile([...specials, ['x', NaN]]), 'a piece with a score'],
    [
      'with bytes, and without byte_fallback',
      modelFile([...specials, ['<0x00>', 0, byte]]),
      'no pieces for bytes',
    ],
    ['that is JSON', new TextEncoder().encode('{"version":"1.0"}'), 'a kind of'],
    ['with rules that are none', modelFile(specials, bpe, [[2, 'abc']]), 'rules of SentencePiece'],
  ])('%s is refused', (_, file, message) => {
    const read = (): unknown => plainTokenizer(readSentencePiece(file))
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })

  it('of any bytes is read or refused', () => {
    const file = modelFile([...specials, ...letters, ['ll', -1]], bpe, [[4, 0]])
    for (let end = 0; end < file.length; end++)
      try {
        readSentencePiece(file.subarray(0, end))
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, one) => {
        const changed = Uint8Array.from(file)
        changed[at] = one
        try {
          plainTokenizer(readSentencePiece(changed)).ids('hello <s>')
        } catch (error) {
          expect(error).toBeInstanceOf(HeedError)
        }
      }),
    )
  })
})

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers', 'gguf')

describe.skipIf(!existsSync(folder))('the models of the reference (set HEED_SHARED to run)', () => {
  it.each(['llama', 'llama-no-space', 't5'])('%s: ids as SentencePiece gives them', (name) => {
    const path = join(folder, `${name}.sentencepiece.model`)
    const { ids: encode } = plainTokenizer(readSentencePiece(readFileSync(path)))
    const { cases } = JSON.parse(
      gunzipSync(readFileSync(join(folder, `${name}.cases.json.gz`))).toString(),
    ) as { cases: { text: string; ids: number[]; other?: number[] }[] }
    expect(cases.length).toBeGreaterThan(100)
    for (const { text, ids, other } of cases) expect(encode(text), JSON.stringify(text)).toEqual(other ?? ids)
  })
})
