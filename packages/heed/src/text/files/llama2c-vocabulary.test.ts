import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { FormatError, HeedError } from '../../base/index.js'
import { pythonWith } from '../../formats/testing/python.js'
import { loadLlama2cTokenizer } from '../load-tokenizer.js'
import { mutated } from './testing/mutated.js'

type Piece = readonly [text: string | Uint8Array, score: number]

function fileOf(pieces: readonly Piece[], longest?: number): Uint8Array {
  const parts = pieces.map(([text, score]) => {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const head = new DataView(new ArrayBuffer(8))
    head.setFloat32(0, score, true)
    head.setInt32(4, bytes.length, true)
    return [...new Uint8Array(head.buffer), ...bytes]
  })
  const most = longest ?? Math.max(...parts.map((part) => part.length - 8))
  return Uint8Array.from([...new Uint8Array(Int32Array.of(most).buffer), ...parts.flat()])
}
const hex = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
const marks: readonly Piece[] = [
  ['<unk>', 0],
  ['\n<s>\n', 0],
  ['\n</s>\n', 0],
]
const bytes: readonly Piece[] = Array.from({ length: 256 }, (_, i) => [hex(i), 0])
const pieces: readonly Piece[] = [
  ...marks,
  ...bytes,
  [' h', -1],
  ['el', -2],
  ['elo', -3],
  [' helo', -4],
  ['é', -100],
  ...[...' helo'].map((letter, i): Piece => [letter, -101 - i]),
]

describe("llama2.c's tokenizer.bin", () => {
  const tokenizer = loadLlama2cTokenizer(fileOf(pieces))
  const ids = (text: string): number[] => [...tokenizer.encode(text).ids]

  it('joins by scores behind a space, and falls back to bytes', () => {
    expect(tokenizer.size).toBe(pieces.length)
    expect(ids('helo helé')).toEqual([1, 262, 259, 260, 263])
    expect(ids('!\n')).toEqual([1, 264, 3 + 0x21, 3 + 0x0a])
    expect(ids('')).toEqual([1])
  })

  it('decodes without the space that it put in front', () => {
    for (const text of ['helo', 'helo  helé!\n', '日本'])
      expect(tokenizer.decode(ids(text).slice(1))).toBe(text)
  })

  it.each([
    ['nothing', new Uint8Array(0), /at least 4 bytes/],
    ['no pieces', Uint8Array.of(5, 0, 0, 0), /unknown, beginning and end/],
    ['a piece twice', fileOf([...marks, ['a', 0], ['a', 0]]), /there once/],
    ['a space and its sign', fileOf([...marks, [' ', 0], ['▁', 0]]), /there once/],
    ['an empty piece', fileOf([...marks, ['', 0]]), /of 1 to/],
    ['a piece longer than the longest', fileOf([...marks, ['aaaaaaaaa', 0]], 7), /of 1 to 7 bytes/],
    ['a piece that is cut short', fileOf(marks).subarray(0, -1), /piece 2 of 1 to 5 bytes/],
    ['half a head', Uint8Array.from([...fileOf(marks), 0, 0, 0]), /8 bytes before piece 3/],
    ['no UTF-8', fileOf([...marks, [Uint8Array.of(0xff), 0]]), /UTF-8/],
    ['no score', fileOf([...marks, ['a', NaN]]), /NaN/],
    ['a negative length', fileOf(marks).fill(0xff, 8, 12), /found -1/],
  ])('is refused with %s', (_, content, message) => {
    expect(() => loadLlama2cTokenizer(content, 'tok.bin')).toThrow(FormatError)
    expect(() => loadLlama2cTokenizer(content, 'tok.bin')).toThrow(message)
    expect(() => loadLlama2cTokenizer(content, 'tok.bin')).toThrow(
      expect.objectContaining({ file: 'tok.bin', offset: expect.any(Number) }),
    )
  })

  it('that is changed is read or refused', () => {
    fc.assert(
      fc.property(mutated(fileOf(pieces)), (changed) => {
        try {
          loadLlama2cTokenizer(changed).encode('helo !')
        } catch (error) {
          if (!(error instanceof HeedError)) throw error
        }
      }),
    )
  })
})

const python = pythonWith('sentencepiece')
const folder = mkdtempSync(join(tmpdir(), 'heed-llama2c-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Trains as for Llama 2, and writes what llama2.c's tokenizer.py writes. */
const program = `
import io, json, struct, sys
import sentencepiece
corpus, out, texts = sys.argv[1:]
model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=open(corpus, encoding='utf-8'), model_writer=model, vocab_size=512, model_type='bpe',
    self_test_sample_size=0, input_format='text', character_coverage=1.0, split_digits=True,
    allow_whitespace_only_pieces=True, byte_fallback=True, remove_extra_whitespaces=False, unk_surface=' \\u2047 ',
    normalization_rule_name='identity', minloglevel=2)
processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
pieces = []
for i in range(processor.vocab_size()):
    text = processor.id_to_piece(i)
    text = {1: '\\n<s>\\n', 2: '\\n</s>\\n'}.get(i, text).replace('\\u2581', ' ')
    pieces.append((text.encode(), processor.get_score(i)))
with open(out, 'wb') as file:
    file.write(struct.pack('I', max(len(text) for text, _ in pieces)))
    for text, score in pieces:
        file.write(struct.pack('fI', score, len(text)) + text)
print(json.dumps([[1, *processor.encode(text)] for text in json.load(open(texts, encoding='utf-8'))]))`

it.skipIf(python === undefined)('gives what SentencePiece itself gives', () => {
  // Any English will do: this repository's own.
  const corpus = readFileSync(new URL('../../../../../docs/guide.md', import.meta.url), 'utf8')
  const lines = corpus.split('\n').filter((line) => line.trim() !== '')
  const texts = [...lines, '  two  spaces ', 'tab\tand\nline', 'é 日本 🙂', '', '<s> </s> <0x0A>', '12345']
  writeFileSync(join(folder, 'corpus.txt'), lines.join('\n'))
  writeFileSync(join(folder, 'texts.json'), JSON.stringify(texts))
  const out = join(folder, 'tok512.bin')
  const expected = JSON.parse(
    python!(program, join(folder, 'corpus.txt'), out, join(folder, 'texts.json')),
  ) as number[][]
  const tokenizer = loadLlama2cTokenizer(readFileSync(out), out)
  expect(tokenizer.size).toBe(512)
  const wrong = texts.filter((text, i) => {
    // SentencePiece finds marks in no text; heed, as the package tokenizers, does.
    if (/<\/?s>|<0x/.test(text)) return false
    return [...tokenizer.encode(text).ids].join() !== expected[i]!.join()
  })
  expect(wrong).toEqual([])
  for (const text of texts)
    if (!text.includes('<')) expect(tokenizer.decode(tokenizer.encode(text).ids.slice(1))).toBe(text)
})
