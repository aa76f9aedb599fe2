import { bytePairDefinition, MergeTable, type ModelDefinition } from '../subword/index.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { spellWords } from './letters.js'
import { learnMerges } from './merge-learner.js'
import { learnPieces } from './piece-learner.js'
import { tooSmall, type TrainTokenizerOptions } from './train-options.js'
import type { TrainingSteps } from './training-steps.js'
import { learnWords } from './word-learner.js'
import type { WordCounts } from './word-counter.js'

/** The model of a tokenizer in training: what it knows of its options. */
export interface ModelTask {
  readonly options: TrainTokenizerOptions
  /** The first tokens, the unknown one among them. */
  readonly special: readonly string[]
  readonly unknown: string | null
  /** The letters to have where nobody says otherwise. */
  readonly initial: readonly string[]
}

/** Learns the model's vocabulary from counted words. */
export function* learnModel(words: WordCounts, task: ModelTask): TrainingSteps<ModelDefinition> {
  const { options, special, unknown } = task
  const { model, vocabularySize } = options
  const size = vocabularySize - special.length
  if (size < 0) tooSmall(vocabularySize, special.length, 'vocabularySize')
  if (model === 'WordLevel') {
    const learned = learnWords(words, size, options.minimumFrequency ?? 1, new Set(special))
    const vocab = Vocabulary.of([...special, ...learned].map((token, id) => [token, id]))
    return { type: 'WordLevel', vocab, unk_token: unknown! }
  }
  const initial = options.initialAlphabet ?? task.initial
  if (model === 'Unigram') {
    const pieces = yield* learnPieces(words, {
      size,
      vocabularySize,
      shrinkingFactor: options.shrinkingFactor ?? 0.75,
      subIterations: options.subIterations ?? 2,
      maxPieceLength: options.maxPieceLength ?? 16,
      initial,
      taken: new Set(special),
    })
    return {
      type: 'Unigram',
      unk_id: special.indexOf(unknown!),
      vocab: Vocabulary.of([...special, ...pieces.map(([piece]) => piece)].map((token, id) => [token, id])),
      scores: Float64Array.from([...special.map(() => 0), ...pieces.map(([, score]) => score)]),
      byte_fallback: false,
    }
  }
  const prefix = options.continuingSubwordPrefix ?? (model === 'BPE' ? '' : '##')
  const suffix = model === 'BPE' ? (options.endOfWordSuffix ?? '') : ''
  const letters = spellWords(words, {
    special,
    limit: options.limitAlphabet ?? Infinity,
    initial,
    prefix,
    suffix,
  })
  if (letters.tokens.length > vocabularySize) {
    tooSmall(vocabularySize, letters.tokens.length, 'vocabularySize, or set limitAlphabet')
  }
  const learned = yield* learnMerges(letters, {
    vocabularySize,
    minimumFrequency: options.minimumFrequency ?? 2,
    tokenLength: (model === 'BPE' ? options.maxTokenLength : undefined) ?? Infinity,
    prefix,
  })
  const vocab = Vocabulary.of(letters.vocabulary)
  if (model === 'WordPiece') {
    return {
      type: 'WordPiece',
      unk_token: unknown!,
      continuing_subword_prefix: prefix,
      max_input_chars_per_word: 100,
      vocab,
    }
  }
  const merges = new MergeTable(learned.length)
  learned.forEach(({ left, right, merged }, rank) => merges.set(left, right, rank, merged))
  return bytePairDefinition(vocab, merges, {
    unk_token: unknown,
    continuing_subword_prefix: prefix === '' ? null : prefix,
    end_of_word_suffix: suffix === '' ? null : suffix,
  })
}
