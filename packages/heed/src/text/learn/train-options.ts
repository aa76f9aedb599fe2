import {
  checkFunction,
  checkNames,
  checkWhole,
  inWords,
  type StopSignal,
  UsageError,
} from '../../base/index.js'
import type { TrainingProgress } from './training-steps.js'

/** A step as tokenizer.json has it: its type and settings. */
export type StepSettings = { readonly type: string } | Readonly<Record<string, unknown>>

/** What every kind of training is told. */
interface CommonOptions {
  /** How many tokens to have at most, special ones included. */
  readonly vocabularySize: number
  /** Special tokens: ids from 0 on. Default none. */
  readonly special?: readonly string[]
  /** How texts are written anew before they are cut. Default null: not at all. */
  readonly normalizer?: StepSettings | null
  /** How texts are cut into words, which no token goes beyond. Default null: each text is one word. */
  readonly preTokenizer?: StepSettings | null
  /** What is put around encoded texts. Default null: nothing. */
  readonly postProcessor?: StepSettings | null
  /** How tokens become text again. Default null: they are joined by spaces. */
  readonly decoder?: StepSettings | null
  /** Called every few milliseconds at most, and after each merge. */
  readonly onProgress?: (progress: TrainingProgress) => void
  /** Ends the training when it is aborted. */
  readonly signal?: StopSignal & { readonly reason?: unknown }
}

interface AlphabetOptions {
  /** A pair must be this frequent to merge. Default 2. */
  readonly minimumFrequency?: number
  /** How many different letters to keep at most, the most frequent ones. Default all. */
  readonly limitAlphabet?: number
  /**
   * Letters to have in any case: the first character of each string. Default the 256 of the byte alphabet
   * where the pre-tokenizer or normalizer is `ByteLevel`, else none.
   */
  readonly initialAlphabet?: readonly string[]
}

/** Byte pair encoding, in bytes or in characters. */
export interface BytePairTraining extends CommonOptions, AlphabetOptions {
  readonly model: 'BPE'
  /** Stands for letters that are not in the vocabulary. Default null: they are left out. */
  readonly unknownToken?: string | null
  /** Stands before each letter of a word but the first. Default nothing. */
  readonly continuingSubwordPrefix?: string
  /** Stands behind the last letter of a word: `</w>`. Default nothing. */
  readonly endOfWordSuffix?: string
  /** Tokens that merge have fewer letters than this together, but for two letters. Default no limit. */
  readonly maxTokenLength?: number
}

/** Trains WordPiece: merges as of BPE, for words that are cut by the longest match. */
export interface WordPieceTraining extends CommonOptions, AlphabetOptions {
  readonly model: 'WordPiece'
  /** Stands for words that can't be cut into tokens. Default `[UNK]`. */
  readonly unknownToken?: string
  /** Stands before each token of a word but the first. Default `##`. */
  readonly continuingSubwordPrefix?: string
}

/** Trains Unigram (Kudo 2018): from many pieces, those are left out whose loss costs the least. */
export interface UnigramTraining extends CommonOptions {
  readonly model: 'Unigram'
  /** Stands for letters that are not in the vocabulary. Default `<unk>`. */
  readonly unknownToken?: string
  /** Letters to have in any case: the first character of each string. Default none. */
  readonly initialAlphabet?: readonly string[]
  /** What part of the pieces each round of pruning leaves. Default 0.75. */
  readonly shrinkingFactor?: number
  /** How many times a round estimates the pieces' probabilities. Default 2. */
  readonly subIterations?: number
  /** The most letters of a piece. Default 16. */
  readonly maxPieceLength?: number
}

/** Makes a vocabulary of the most frequent words. */
export interface WordLevelTraining extends CommonOptions {
  readonly model: 'WordLevel'
  /** Stands for words that are not in the vocabulary. Default `<unk>`. */
  readonly unknownToken?: string
  /** A word must be this frequent to be a token. Default 1. */
  readonly minimumFrequency?: number
}

/** What `trainTokenizer` is told. */
export type TrainTokenizerOptions = BytePairTraining | WordPieceTraining | UnigramTraining | WordLevelTraining

const common = [
  'model',
  'vocabularySize',
  'special',
  'unknownToken',
  'normalizer',
  'preTokenizer',
  'postProcessor',
  'decoder',
  'onProgress',
  'signal',
]
const alphabet = ['minimumFrequency', 'limitAlphabet', 'initialAlphabet', 'continuingSubwordPrefix']
const names: Readonly<Record<TrainTokenizerOptions['model'], readonly string[]>> = {
  BPE: [...common, ...alphabet, 'endOfWordSuffix', 'maxTokenLength'],
  WordPiece: [...common, ...alphabet],
  Unigram: [...common, 'initialAlphabet', 'shrinkingFactor', 'subIterations', 'maxPieceLength'],
  WordLevel: [...common, 'minimumFrequency'],
}

const operation = 'trainTokenizer'
const mostTokens = 2 ** 24
/** A place of a text may begin as many pieces as this. */
const longestPiece = 512

/** @throws UsageError for options that make no sense */
export function checkOptions(options: TrainTokenizerOptions): void {
  const { model } = (options ?? {}) as Partial<TrainTokenizerOptions>
  if (model === undefined || !Object.hasOwn(names, model)) {
    refuse(
      `model to be one of ${Object.keys(names).join(', ')}`,
      inWords(model),
      "write { model: 'BPE', vocabularySize: 8192 }",
    )
  }
  checkNames(operation, options, names[model!])
  // All names that any of them has; those of others are not there.
  const given = options as Partial<BytePairTraining> &
    Omit<Partial<UnigramTraining>, 'model' | 'unknownToken'>
  checkWhole(operation, 'vocabularySize', given.vocabularySize!, 1)
  if (given.vocabularySize! > mostTokens) {
    refuse(`vocabularySize up to ${mostTokens}`, String(given.vocabularySize), 'take fewer')
  }
  for (const [name, least] of [
    ['minimumFrequency', 0],
    ['limitAlphabet', 0],
    ['maxTokenLength', 0],
    ['subIterations', 1],
    ['maxPieceLength', 1],
  ] as const) {
    if (given[name] !== undefined) checkWhole(operation, name, given[name], least)
  }
  const { maxPieceLength = 1, shrinkingFactor = 0.5 } = given
  if (maxPieceLength > longestPiece) {
    refuse(`maxPieceLength up to ${longestPiece}`, String(maxPieceLength), 'take fewer letters')
  }
  if (!(shrinkingFactor > 0 && shrinkingFactor < 1)) {
    refuse('shrinkingFactor above 0 and below 1', inWords(shrinkingFactor), 'take 0.75')
  }
  for (const name of ['special', 'initialAlphabet'] as const) {
    for (const text of checkList(name, given[name])) checkText(name, text)
  }
  for (const name of ['unknownToken', 'continuingSubwordPrefix', 'endOfWordSuffix'] as const) {
    const text = given[name]
    if (text !== undefined && !(name === 'unknownToken' && text === null && model === 'BPE')) {
      checkText(name, text, name === 'unknownToken')
    }
  }
  if (given.onProgress !== undefined) checkFunction(operation, 'onProgress', given.onProgress)
}

function checkList(name: string, list: readonly string[] = []): readonly string[] {
  return Array.isArray(list)
    ? (list as readonly string[])
    : refuse(`${name} to be a list of strings`, inWords(list), "write ['…']")
}

function checkText(name: string, text: unknown, needsContent = name === 'special'): void {
  if (typeof text === 'string' && !/[\ud800-\udfff]/u.test(text) && !(needsContent && text === '')) return
  refuse(`${name} of whole characters`, inWords(text), 'write it as a string')
}

export function refuse(expected: string, found: string, hint: string): never {
  throw new UsageError({ operation, expected, found, hint })
}

/** Refuses a vocabulary that hasn't room for what it must have. */
export function tooSmall(size: number, least: number, raise: string): never {
  refuse(
    `vocabularySize of at least ${least}, for the special tokens and letters`,
    String(size),
    `raise ${raise}`,
  )
}
