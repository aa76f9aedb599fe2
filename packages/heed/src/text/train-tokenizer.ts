import { learnTokenizer, type TrainTokenizerOptions } from './learn/index.js'
import { createTokenizer } from './pipeline.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * Trains a tokenizer on texts: byte pair encoding (Sennrich et al. 2016, "Neural Machine Translation of Rare
 * Words with Subword Units"), WordPiece by the same merges, Unigram (Kudo 2018, "Subword Regularization"), or
 * whole words. Texts are normalized and cut as the tokenizer will do it. Special tokens in them are text like
 * any other. Memory grows with the different words, not with the texts. The same texts give the same
 * tokenizer.
 *
 * Other work of the program goes on between the steps of the training.
 *
 *     const tokenizer = await trainTokenizer(lines, {
 *       model: 'Unigram',
 *       vocabularySize: 8000,
 *       special: ['<unk>', '</s>'],
 *       preTokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
 *       decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
 *     })
 *
 * @throws UsageError for options that make no sense, and texts that are no strings
 * @throws FormatError, PatternError for a normalizer, pre-tokenizer, post-processor or decoder that isn't
 * understood
 * @throws the signal's reason where it is aborted
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<Tokenizer> {
  return createTokenizer(await learnTokenizer(texts, options))
}
