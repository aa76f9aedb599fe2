import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { StepSettings, TrainTokenizerOptions } from '../train-options.js'

/** A vocabulary that another implementation learned, and what of. */
export interface ReferenceTraining {
  readonly name: string
  readonly options: TrainTokenizerOptions
  readonly texts: readonly string[]
  /** What words the texts have. */
  readonly words: { readonly different: number; readonly all: number }
  /** Of BPE, WordPiece and WordLevel by id; of Unigram pieces and scores. */
  readonly vocab: Readonly<Record<string, number>> | readonly (readonly [piece: string, score: number])[]
  readonly merges: readonly (readonly [left: string, right: string, count: number])[]
  readonly unk_id: number
  readonly loss: number
}

interface TrainingFile extends Omit<ReferenceTraining, 'name' | 'options' | 'texts'> {
  readonly trainer: Readonly<Record<string, unknown>>
  readonly normalizer: StepSettings | null
  readonly pre_tokenizer: StepSettings | null
  readonly corpus: { readonly file: string; readonly first_line: number; readonly lines: number }
}

/** How heed names what the package calls otherwise. */
const names: Readonly<Record<string, string>> = {
  type: 'model',
  vocab_size: 'vocabularySize',
  min_frequency: 'minimumFrequency',
  special_tokens: 'special',
  unk_token: 'unknownToken',
  limit_alphabet: 'limitAlphabet',
  initial_alphabet: 'initialAlphabet',
  max_token_length: 'maxTokenLength',
  continuing_subword_prefix: 'continuingSubwordPrefix',
  end_of_word_suffix: 'endOfWordSuffix',
  shrinking_factor: 'shrinkingFactor',
  n_sub_iterations: 'subIterations',
  max_piece_length: 'maxPieceLength',
}

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers', 'train')

/** Empty where HEED_SHARED doesn't name the folder that has them. */
export const trainingNames: readonly string[] = existsSync(folder)
  ? readdirSync(folder).map((file) => file.replace('.json', ''))
  : []

export function readTraining(name: string): ReferenceTraining {
  const file = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as TrainingFile
  const { trainer, corpus, normalizer, pre_tokenizer: preTokenizer } = file
  const settings = Object.entries(trainer).map(([key, value]) => [names[key]!, value])
  const lines = gunzipSync(readFileSync(join(shared!, corpus.file)))
    .toString()
    .split('\n')
  return {
    ...file,
    name,
    options: { ...Object.fromEntries(settings), normalizer, preTokenizer } as TrainTokenizerOptions,
    texts: lines.slice(corpus.first_line, corpus.first_line + corpus.lines),
  }
}
