import { addedToken } from '../added-tokens.js'
import type { AddedToken } from '../added-tokens.js'
import type { TokenizerDefinition } from '../definition.js'
import type { TemplateDefinition } from '../finish/index.js'
import {
  type BytePairDefinition,
  bytePairDefinition,
  type ModelDefinition,
  pieceType,
  rankedMerges,
  ranksOf,
} from '../subword/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { template, type TemplatePart } from './parts.js'
import { readSentencePieceFile, type SentencePieceFile } from './sentence-piece-file.js'

/** What a file of SentencePiece leaves to who uses it. */
export interface SentencePieceOptions {
  /** Put the piece for a text's beginning in front of it. Default false. */
  readonly addBeginning?: boolean
  /** Put the piece for a text's end behind it. Default false. */
  readonly addEnd?: boolean
  /** The file's path, for errors. */
  readonly file?: string
}

/**
 * Reads a file of SentencePiece, `spiece.model` or `tokenizer.model`.
 *
 * The tokenizer gives what SentencePiece itself gives: rules of normalization by the longest match, sums in
 * float32, user-defined pieces found in the normalized text. That is not quite what the files give that the
 * hub makes of them for the package `tokenizers`: that package matches the shortest rule within a grapheme
 * cluster, and adds up in float64.
 *
 * Control symbols are special tokens; SentencePiece itself finds them in no text.
 *
 * @throws FormatError for anything else
 */
export function readSentencePiece(
  bytes: Uint8Array,
  options: SentencePieceOptions = {},
): TokenizerDefinition {
  return sentencePieceDefinition(readSentencePieceFile(bytes, options.file), options)
}

/** The tokenizer of what a file of SentencePiece says, or of what another format says instead. */
export function sentencePieceDefinition(
  file: SentencePieceFile,
  options: SentencePieceOptions,
): TokenizerDefinition {
  const { vocabulary, types, unknownId } = file
  const addedTokens: AddedToken[] = []
  const userDefined: string[] = []
  types.forEach((type, id) => {
    if (type === pieceType.control || type === pieceType.unknown)
      addedTokens.push(addedToken(id, vocabulary.token(id)!))
    else if (type === pieceType.userDefined) userDefined.push(vocabulary.token(id)!)
  })
  const isControl = (token: string): boolean => types[vocabulary.id(token) ?? -1] === pieceType.control
  const begins = options.addBeginning === true && isControl(file.beginning) ? file.beginning : undefined
  const ends = options.addEnd === true && isControl(file.end) ? file.end : undefined
  return {
    truncation: null,
    padding: null,
    addedTokens,
    normalizer: {
      type: 'SentencePiece',
      precompiled_charsmap: file.charsmap.length === 0 ? null : toBase64(file.charsmap),
      add_dummy_prefix: file.addDummyPrefix,
      remove_extra_whitespaces: file.removeExtraWhitespaces,
      escape_whitespaces: file.escapeWhitespaces,
      removes_escaped: true,
      treat_whitespace_as_suffix: file.whitespaceAsSuffix,
      user_defined: userDefined,
    },
    preTokenizer: null,
    postProcessor: around(begins, ends, (token) => vocabulary.id(token)!),
    decoder: {
      type: 'SentencePiece',
      byte_fallback: file.byteFallback,
      unk_piece: vocabulary.token(unknownId)!,
      unk_surface: file.unknownSurface,
      add_dummy_prefix: file.addDummyPrefix,
      remove_extra_whitespaces: file.removeExtraWhitespaces,
      verbatim: addedTokens.filter(({ id }) => id !== unknownId).map(({ content }) => content),
      replaces: 'bytes',
    },
    model: modelOf(file),
  }
}

/** Byte pair encoding as the package has it says the same, unless there are pieces of types that it lacks. */
function modelOf(file: SentencePieceFile): ModelDefinition {
  const { algorithm, vocabulary: vocab, scores, types, unknownId, byteFallback } = file
  const isPlain =
    algorithm === 'BPE' && !types.includes(pieceType.userDefined) && !types.includes(pieceType.unused)
  if (isPlain) {
    const isNormal = (id: number): boolean => types[id] === pieceType.normal
    return scoredBytePair(vocab, scores, isNormal, unknownId, byteFallback)
  }
  return {
    type: 'SentencePiece',
    algorithm,
    sums: 'f32',
    unk_id: unknownId,
    byte_fallback: byteFallback,
    vocab,
    scores,
    types,
  }
}

/** Byte pair encoding whose merges are ranked by the scores of what they make. */
export function scoredBytePair(
  vocab: Vocabulary,
  scores: Float64Array,
  isNormal: (id: number) => boolean,
  unknownId: number,
  byte_fallback: boolean,
): BytePairDefinition {
  const ranks = ranksOf(scores)
  const merges = rankedMerges(vocab, (id) => (isNormal(id) ? ranks[id]! : -1), isNormal, 'loadTokenizer')
  const unk_token = vocab.token(unknownId) ?? null
  return bytePairDefinition(vocab, merges, { unk_token, fuse_unk: true, byte_fallback })
}

/** A token in front of a text and one behind it; both texts of a pair one after the other. */
export function around(
  begin: string | undefined,
  end: string | undefined,
  idOf: (token: string) => number,
): TemplateDefinition | null {
  if (begin === undefined && end === undefined) return null
  const parts = (text: 0 | 1): TemplatePart[] =>
    [begin, text, end].flatMap((part) => (part === undefined ? [] : [[part, text] as const]))
  return template(parts(0), [...parts(0), ...parts(1)], idOf)
}

export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 2 ** 13)
    text += String.fromCharCode(...bytes.subarray(at, at + 2 ** 13))
  return btoa(text)
}
