/**
 * The vocabulary of llama2.c (github.com/karpathy/llama2.c, `tokenizer.py`): byte pair encoding of
 * SentencePiece, as Llama 2 has it, with nothing but pieces and scores. A space stands for `▁`.
 *
 *     length of the longest piece i32, then for each piece: score f32, length i32, UTF-8
 */
import { FormatError, utf8Length } from '../../base/index.js'
import type { TokenizerDefinition } from '../definition.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { pieceType } from '../subword/index.js'
import { mostTokens } from './limits.js'
import { sentencePieceDefinition } from './sentence-piece.js'

/** The ids that llama2.c takes for granted. */
const [unknownId, beginningId, endId] = [0, 1, 2]
const [beginning, end] = ['<s>', '</s>']

/**
 * Reads `tokenizer.bin` of llama2.c. A text begins with `<s>`, as `run.c` has it.
 *
 * @param file its path, for errors
 * @throws FormatError for anything else, and for pieces that are there twice
 */
export function readLlama2cVocabulary(bytes: Uint8Array, file?: string): TokenizerDefinition {
  const refuse = (expected: string, found: string | number, offset: number): never => {
    const hint = "the file is damaged, or not a vocabulary of llama2.c ('tokenizer.bin')"
    throw new FormatError({
      operation: 'readLlama2cVocabulary',
      expected,
      found: String(found),
      hint,
      file,
      offset,
    })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4) refuse('at least 4 bytes', bytes.length, 0)
  const longest = view.getInt32(0, true)
  const vocabulary = new Vocabulary(1024)
  const scores: number[] = []
  const types: number[] = []
  for (let at = 4; at < bytes.length;) {
    const id = scores.length
    if (id === mostTokens) refuse(`one of at most ${mostTokens} pieces`, 'more', at)
    if (at + 8 > bytes.length) refuse(`8 bytes before piece ${id}`, bytes.length - at, at)
    const score = view.getFloat32(at, true)
    const length = view.getInt32(at + 4, true)
    const start = at + 8
    if (!(length > 0 && length <= longest && length <= bytes.length - start))
      refuse(`piece ${id} of 1 to ${Math.min(longest, bytes.length - start)} bytes`, length, at + 4)
    if (Number.isNaN(score)) refuse(`a score of piece ${id}`, 'NaN', at)
    const type = typeOf(id, bytes, start, length)
    const text = textOf(id, bytes.subarray(start, start + length))
    if (text === undefined) return refuse(`piece ${id} in UTF-8`, 'other bytes', start)
    if (!vocabulary.add(text, id)) refuse(`piece ${id} there once`, JSON.stringify(text.slice(0, 60)), start)
    scores.push(score)
    types.push(type)
    at = start + length
  }
  if (scores.length <= endId) refuse('pieces for unknown, beginning and end', scores.length, bytes.length)
  return sentencePieceDefinition(
    {
      algorithm: 'BPE',
      vocabulary,
      scores: Float64Array.from(scores),
      types: Uint8Array.from(types),
      unknownId,
      unknownSurface: ' \u2047 ',
      beginning,
      end,
      byteFallback: types.includes(pieceType.byte),
      whitespaceAsSuffix: false,
      charsmap: new Uint8Array(0),
      addDummyPrefix: true,
      removeExtraWhitespaces: false,
      escapeWhitespaces: true,
    },
    { addBeginning: true },
  )
}

/** The first three are marks; `<0x0A>` is a byte. */
function typeOf(id: number, bytes: Uint8Array, start: number, length: number): number {
  if (id === unknownId) return pieceType.unknown
  if (id === beginningId || id === endId) return pieceType.control
  if (length !== 6) return pieceType.normal
  const text = String.fromCharCode(...bytes.subarray(start, start + 6))
  return /^<0x[0-9A-F]{2}>$/.test(text) ? pieceType.byte : pieceType.normal
}

/** A piece as SentencePiece spells it; undefined where it is no UTF-8. */
function textOf(id: number, bytes: Uint8Array): string | undefined {
  // llama2.c writes them between line breaks.
  if (id === beginningId) return beginning
  if (id === endId) return end
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at]! < 0x80 ? 1 : utf8Length(bytes, at)
    if (length === 0) return undefined
    at += length
  }
  return new TextDecoder().decode(bytes).replaceAll(' ', '▁')
}
