/**
 * SentencePiece's own file, `spiece.model` or `tokenizer.model`: a message of protocol buffers with the
 * pieces, how the model was trained, and how texts are normalized. Source: google/sentencepiece,
 * `sentencepiece_model.proto`.
 */
import { FormatError } from '../../base/index.js'
import { ProtobufReader } from '../../formats/index.js'
import { pieceType } from '../subword/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { mostTokens } from './limits.js'

/** The content of a file. */
export interface SentencePieceFile {
  readonly algorithm: 'BPE' | 'Unigram'
  /** The pieces; a piece's id is its place in the file. */
  readonly vocabulary: Vocabulary
  /** By id, of float32. */
  readonly scores: Float64Array
  /** By id, of `pieceType`. */
  readonly types: Uint8Array
  readonly unknownId: number
  /** What unknown pieces are decoded to. */
  readonly unknownSurface: string
  /** The pieces for a text's beginning and end, which need not be there. */
  readonly beginning: string
  readonly end: string
  readonly byteFallback: boolean
  readonly whitespaceAsSuffix: boolean
  readonly charsmap: Uint8Array
  readonly addDummyPrefix: boolean
  readonly removeExtraWhitespaces: boolean
  readonly escapeWhitespaces: boolean
}

const operation = 'readSentencePiece'

/**
 * Reads a file of SentencePiece.
 *
 * @param file its path, for errors
 * @throws FormatError for anything else, for pieces that are there twice, and for models of words or
 * characters
 */
export function readSentencePieceFile(bytes: Uint8Array, file?: string): SentencePieceFile {
  const reader = new ProtobufReader(bytes, operation, file)
  const vocabulary = new Vocabulary(1024)
  const scores: number[] = []
  const types: number[] = []
  let training: Training = { ...trainingDefaults }
  let normalization: Normalization = { ...normalizationDefaults }
  while (reader.next()) {
    if (reader.field === 1) {
      if (scores.length === mostTokens) reader.refuse(`one of at most ${mostTokens} pieces`, 'more')
      readPiece(reader, vocabulary, scores, types)
    } else if (reader.field === 2) training = readTraining(reader.message(), training)
    else if (reader.field === 3) normalization = readNormalization(reader.message(), normalization)
    else if (reader.field === 5) checkDenormalization(reader)
  }
  const refuse = (expected: string, found: string): never => {
    const hint = 'check that it is a model of SentencePiece, or use its tokenizer.json'
    throw new FormatError({ operation, expected, found, hint, file })
  }
  if (scores.length === 0) refuse('a file with pieces', 'none')
  const unknownId = types.indexOf(pieceType.unknown)
  if (unknownId < 0 || types.includes(pieceType.unknown, unknownId + 1))
    refuse('one piece for what is unknown', unknownId < 0 ? 'none' : 'several')
  const { modelType, ...rest } = training
  if (modelType !== 1 && modelType !== 2)
    refuse('a model of type 1 (Unigram) or 2 (BPE)', `type ${modelType}`)
  if (rest.byteFallback !== types.includes(pieceType.byte))
    refuse(rest.byteFallback ? 'pieces for bytes' : 'no pieces for bytes without byte_fallback', 'otherwise')
  return {
    algorithm: modelType === 2 ? 'BPE' : 'Unigram',
    vocabulary,
    scores: Float64Array.from(scores),
    types: Uint8Array.from(types),
    unknownId,
    ...rest,
    ...normalization,
  }
}

function readPiece(reader: ProtobufReader, vocabulary: Vocabulary, scores: number[], types: number[]): void {
  const piece = reader.message()
  let text: Uint8Array | undefined
  let score = 0
  let type: number = pieceType.normal
  while (piece.next()) {
    if (piece.field === 1) text = piece.utf8()
    else if (piece.field === 2) score = piece.float()
    else if (piece.field === 3) type = piece.integer()
  }
  if (text === undefined || text.length === 0) return reader.refuse('a piece with a text', 'none')
  if (type < 1 || type > 6) reader.refuse('a piece of type 1 to 6', type)
  if (Number.isNaN(score)) reader.refuse('a piece with a score', score)
  if (!vocabulary.addBytes(text, 0, text.length, scores.length))
    reader.refuse('a piece that is there once', `'${new TextDecoder().decode(text.slice(0, 60))}' again`)
  scores.push(score)
  types.push(type)
}

interface Training {
  readonly modelType: number
  readonly byteFallback: boolean
  readonly whitespaceAsSuffix: boolean
  readonly unknownSurface: string
  readonly beginning: string
  readonly end: string
}

const trainingDefaults: Training = {
  modelType: 1,
  byteFallback: false,
  whitespaceAsSuffix: false,
  unknownSurface: ' \u2047 ',
  beginning: '<s>',
  end: '</s>',
}

function readTraining(reader: ProtobufReader, before: Training): Training {
  let { modelType, byteFallback, whitespaceAsSuffix, unknownSurface, beginning, end } = before
  while (reader.next()) {
    if (reader.field === 3) modelType = reader.integer()
    else if (reader.field === 24) whitespaceAsSuffix = reader.boolean()
    else if (reader.field === 35) byteFallback = reader.boolean()
    else if (reader.field === 44) unknownSurface = reader.string()
    else if (reader.field === 46) beginning = reader.string() || beginning
    else if (reader.field === 47) end = reader.string() || end
  }
  return { modelType, byteFallback, whitespaceAsSuffix, unknownSurface, beginning, end }
}

interface Normalization {
  readonly charsmap: Uint8Array
  readonly addDummyPrefix: boolean
  readonly removeExtraWhitespaces: boolean
  readonly escapeWhitespaces: boolean
}

const normalizationDefaults: Normalization = {
  charsmap: new Uint8Array(0),
  addDummyPrefix: true,
  removeExtraWhitespaces: true,
  escapeWhitespaces: true,
}

function readNormalization(reader: ProtobufReader, before: Normalization): Normalization {
  let { charsmap, addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = before
  while (reader.next()) {
    if (reader.field === 2) charsmap = reader.bytes().slice()
    else if (reader.field === 3) addDummyPrefix = reader.boolean()
    else if (reader.field === 4) removeExtraWhitespaces = reader.boolean()
    else if (reader.field === 5) escapeWhitespaces = reader.boolean()
  }
  return { charsmap, addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces }
}

/** Texts that are decoded are not normalized back. */
function checkDenormalization(reader: ProtobufReader): void {
  const denormalization = reader.message()
  while (denormalization.next())
    if (denormalization.field === 2 && denormalization.bytes().length > 0)
      denormalization.refuse('empty: decoded texts are not normalized', 'a map of characters')
}
