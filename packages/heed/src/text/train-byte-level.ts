import { learnByteLevel, type TrainOptions } from './learn/index.js'
import { createTokenizer } from './pipeline.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * Trains a byte-level BPE tokenizer (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with
 * Subword Units", algorithm 1). It merges the most frequent pair of neighbours within words; of equally
 * frequent pairs, that of the lower ids. It ends when the vocabulary is full or no pair is frequent enough.
 * Memory grows with the number of different words, not with the texts.
 *
 * @throws UsageError for options that make no sense
 */
export function trainByteLevel(texts: Iterable<string>, options: TrainOptions): Tokenizer {
  return createTokenizer(learnByteLevel(texts, options))
}
