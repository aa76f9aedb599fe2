/** Models: what cuts the words of a text into tokens of a vocabulary. */
import { FormatError } from '../../base/index.js'
import type { SubwordModel } from '../steps/model.js'
import type { BytePairDefinition } from './byte-pair-definition.js'
import { BytePairModel } from './byte-pair-model.js'
import { type SentencePieceDefinition, SentencePieceModel } from './sentence-piece.js'
import { type UnigramDefinition, UnigramModel } from './unigram.js'
import { type WordLevelDefinition, WordLevelModel } from './word-level.js'
import { type WordPieceDefinition, WordPieceModel } from './word-piece.js'

export { type BytePairDefinition, bytePairDefinition } from './byte-pair-definition.js'
export { MergeTable } from './merge-table.js'
export { rankedMerges } from './ranked-merges.js'
export { pieceType, ranksOf, type SentencePieceDefinition } from './sentence-piece.js'
export { mostMerges, readMerges } from './read-merges.js'
export { largestId, mostTokens, readVocabulary } from './read-vocabulary.js'
export { spelledMerges } from './spelled-merges.js'
export type { UnigramDefinition } from './unigram.js'
export type { WordLevelDefinition } from './word-level.js'
export type { WordPieceDefinition } from './word-piece.js'

/** The model of a tokenizer.json: its settings as the file spells them, and its vocabulary. */
export type ModelDefinition =
  | BytePairDefinition
  | WordPieceDefinition
  | WordLevelDefinition
  | UnigramDefinition
  | SentencePieceDefinition

const models: {
  readonly [Type in ModelDefinition['type']]: new (
    definition: Extract<ModelDefinition, { readonly type: Type }>,
  ) => SubwordModel
} = {
  BPE: BytePairModel,
  WordPiece: WordPieceModel,
  WordLevel: WordLevelModel,
  Unigram: UnigramModel,
  SentencePiece: SentencePieceModel,
}

/** @throws FormatError for another type, or a vocabulary that the model can't use */
export function createModel(definition: ModelDefinition): SubwordModel {
  if (!Object.hasOwn(models, definition.type))
    throw new FormatError({
      operation: 'createModel',
      expected: `a model of the type ${Object.keys(models).join(', ')}`,
      found: String(definition.type).slice(0, 60),
      hint: 'use a tokenizer of one of these kinds',
    })
  const Model = models[definition.type] as new (definition: ModelDefinition) => SubwordModel
  return new Model(definition)
}
