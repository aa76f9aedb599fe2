import type { TrainTokenizerOptions } from 'heed'
import { UsageError } from '../errors.js'
import type { Kind, Preset } from './presets.js'

/** What is said of a tokenizer that is trained, beside its preset. */
export interface TokenizerTraining {
  readonly model: Kind
  readonly vocabularySize: number
  readonly minFrequency?: number
  /** After the preset's. */
  readonly special?: readonly string[]
}

/** What a tokenizer is trained with. @throws {UsageError} for a frequency that has no effect */
export function trainingSettings(
  { model, vocabularySize, minFrequency, special = [] }: TokenizerTraining,
  preset: Preset,
): TrainTokenizerOptions {
  const { normalizer, preTokenizer, postProcessor, decoder, unknownToken } = preset
  if (minFrequency !== undefined && model === 'unigram')
    throw new UsageError('train-tokenizer: --min-frequency goes with the other kinds than unigram')
  const shared = {
    vocabularySize,
    special: [...new Set([...preset.special, ...special])],
    normalizer,
    preTokenizer,
    postProcessor,
    decoder,
  }
  const frequency = minFrequency === undefined ? {} : { minimumFrequency: minFrequency }
  const unknown = { unknownToken: unknownToken ?? '<unk>' }
  switch (model) {
    case 'bpe':
      return { model: 'BPE', ...shared, ...frequency, unknownToken }
    case 'wordpiece':
      return { model: 'WordPiece', ...shared, ...frequency, ...unknown }
    case 'unigram':
      return { model: 'Unigram', ...shared, ...unknown }
    case 'wordlevel':
      return { model: 'WordLevel', ...shared, ...frequency, ...unknown }
  }
}
